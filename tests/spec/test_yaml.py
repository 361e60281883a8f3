import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.spec.nodes import Findings, plain
from stagegap.spec.yaml import parse


def read(text):
    findings = Findings()
    root = parse(text, "f", findings)
    return (None if root is None else plain(root)), [str(p) for p in findings.problems]


def test_plain_data_is_read_as_yaml_1_2_says():
    text = 'a: {b: [1, -2.5, 1e3, true, null, ~], c: "no"}\nd: >\n  two\n  lines\ny: n\n'
    assert read(text) == (
        {"a": {"b": [1, -2.5, 1000.0, True, None, None], "c": "no"}, "d": "two lines\n", "y": "n"},
        [],
    )


@pytest.mark.parametrize(
    ("text", "reading", "instead"),
    [
        ("no", "false", ", or false"),
        ("Off", "false", ", or false"),
        ("on", "true", ", or true"),
        ("True", "true", ", or true"),
        ("FALSE", "false", ", or false"),
        ("Null", "null", ", or null"),
        ("2024-01-31", "a date", ""),
        ("2024-01-31T10:00:00Z", "a date", ""),
        ("12:30", "a number in base 60", ""),
        (".nan", "not-a-number, which is no value here", ""),
        ("-.inf", "infinity, which is no value here", ""),
        ("1e999", "infinity, which is no value here", ""),
        ("0x1F", "a hexadecimal number", ""),
        ("017", "an octal number", ""),
        ("0b11", "a binary number", ""),
        ("1_000", "a number", ""),
        ("9" * 5000, "a number of more digits than can be kept exactly", ""),
    ],
)
def test_what_yaml_1_1_reads_differently_must_be_quoted(text, reading, instead):
    value, found = read(f"a: [x, {text}]")
    assert value == {"a": ["x", text]}
    assert found == [
        f'f:1: found {text!r} without quotes, which YAML 1.1 reads as {reading}. Write "{text}" for the text{instead}.'
    ]
    assert read(f'a: "{text}"') == ({"a": text}, [])


def test_a_surprise_in_a_secret_is_not_shown():
    assert read("api_key: 0x1F")[1] == ["f:1: the value of api_key is read as a hexadecimal number. Write ${NAME}."]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f:1: found nothing where a cascade is needed. Begin with `cascade: NAME`."),
        ("# only a comment\n", "f:1: found nothing where a cascade is needed. Begin with `cascade: NAME`."),
        ("\nnull\n", "f:2: found nothing where a cascade is needed. Begin with `cascade: NAME`."),
        ("hello", "f:1: found the value 'hello' where a cascade is needed. Begin with `cascade: NAME`."),
        ('"no"', "f:1: found the value 'no' where a cascade is needed. Begin with `cascade: NAME`."),
        ("- a\n", "f:1: found a list where a cascade is needed. Begin with `cascade: NAME`."),
        ("a: 1\n---\nb: 2\n", "f:2: a second document begins here. Keep one cascade a file; remove `---`."),
        ("a: 1\nb: &x 2\n", "f:2: found the anchor '&x'. Write the value out; variants use `extends`."),
        (
            "a: !!python/object/apply:os.system [ls]",
            "f:1: found the tag '!!python/object/apply:os.system'. Remove it: a cascade file is plain data.",
        ),
        ("a: !!int '3'", "f:1: found the tag '!!int'. Remove it: a cascade file is plain data."),
        ("<<: {b: 1}", "f:1: found the merge key '<<'. Write the keys out; variants use `extends`."),
        ("a: 1\nb: 2\n\na: 3\n", "f:4: the key 'a' stands twice, first in line 1. Remove one of the two."),
        ("1: a", 'f:1: found the key 1, which is no text. Quote it: "1".'),
        ("true: a", 'f:1: found the key true, which is no text. Quote it: "true".'),
        ("[a, b]: c", "f:1: found a list or mapping as a key. Keys are text."),
        ("a:\n\tb: 1\n  c: 2\n \td: 3\n", "f:2: found a tab in the indentation. YAML is indented with spaces."),
        (
            "a: {b: 1,\n  c: @}",
            "f:2: this is not YAML: while scanning for the next token, "
            "found character '@' that cannot start any token.",
        ),
        ("a: [1, 2\nb: 3", "f:2: this is not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'."),
        (
            "a: {b: ${C}}",
            "f:1: this is not YAML: while parsing a flow mapping, expected ',' or '}', but got '{'. "
            "In {...} and [...] a value with ${NAME} needs quotes.",
        ),
        ("a: 1\nb: \x07", "f:2: found the character '\\x07', which YAML does not allow. Remove it."),
        ('a: "\\ud83d"', "f:1: found '\\ud83d', which holds half a character. Write the character itself."),
        ("[" * 100_000, "f:1: the file is nested more than 50 levels deep; a cascade file is flat."),
        ("- " * 100_000, "f:1: the file is nested more than 50 levels deep; a cascade file is flat."),
        ("? " * 100_000, "f:1: the file is nested more than 50 levels deep; a cascade file is flat."),
        ("%TAG ! x\na: 1", "f:2: this is not YAML: expected '<document start>', but found '<scalar>'."),
    ],
)
def test_what_is_no_plain_mapping_is_said_with_its_line(text, problem):
    assert read(text)[1][0] == problem


def test_every_tab_in_the_indentation_is_named():
    assert [p.split(" ")[0] for p in read("a:\n\tb: 1\n  c: 2\n \td: 3\n")[1]] == ["f:2:", "f:4:"]


def test_a_tab_before_a_value_is_named():
    assert read("a: 1\nb: [\n1,\t@]")[0] is None
    assert read("- a\n-\n -\t- b")[1] == ["f:3: found a tab where a value begins. Use spaces."]


def test_aliases_are_refused_before_they_multiply():
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    value, found = read(bomb)
    assert value is not None
    assert len(found) == 9 + 8
    assert found[:2] == [
        "f:1: found the anchor '&a'. Write the value out; variants use `extends`.",
        "f:2: found the anchor '&b'. Write the value out; variants use `extends`.",
    ]


def test_a_file_full_of_problems_is_given_up():
    found = read("".join(f"k{i}: no\n" for i in range(1000)))[1]
    assert len(found) == 201
    assert found[-1] == "f:201: the file has 200 problems; the rest is not read."


def test_several_problems_of_one_file_come_together():
    assert len(read("a: no\na: yes\nb: &x 1\nc: *x\n")[1]) == 5


@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%@`#~ \n\t0129.<=$éþ\u2028\x85")))
def test_no_text_makes_it_crash(text):
    value, found = read(text)
    assert (value is not None) or found
