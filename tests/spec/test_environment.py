# ruff: noqa: E501  (a table reads better with a problem a line)
import pytest

from spec.folders import BASE
from stagegap.spec.scalars import is_secret

LLM = BASE.replace(
    '    uses: python\n    with: {function: "stages.py:draft"}\n',
    "    uses: llm\n    with:\n      prompt: prompt.md.j2\n      MORE\n",
)


def draft(folder, more, **environment):
    return folder.load(LLM.replace("MORE", more), environment).cascade.stage("draft").parameters


def test_a_variable_is_replaced_and_its_default_stands_in(folder):
    text = BASE.replace("cascade: mails", "cascade: ${NAME} of ${WHO:-us}, $${NAME}, ${EMPTY:-}.")
    assert folder.load(text, {"NAME": "mails"}).cascade.name == "mails of us, ${NAME}, ."
    assert folder.load(text, {"NAME": "m", "WHO": "you"}).cascade.name == "m of you, ${NAME}, ."


def test_a_variable_that_is_a_whole_value_may_be_a_number(folder):
    assert draft(folder, "model: m\n      temperature: ${T:-0.5}")["temperature"] == 0.5
    assert draft(folder, "model: m\n      temperature: ${T}", T="1")["temperature"] == 1.0


def test_a_variable_in_quotes_stays_text(folder):
    assert draft(folder, 'model: "${MODEL}"', MODEL="5")["model"] == "5"
    assert draft(folder, "model: ${MODEL}", MODEL="no")["model"] == "no"


def test_a_variable_is_replaced_in_lists_and_paths(folder):
    text = BASE.replace("[products.jsonl]", '["${STEM}.jsonl"]')
    assert folder.load(text, {"STEM": "products"}).corpora["shop"].paths == (f"{folder.path}/products.jsonl",)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("${NAMES}", "1: the environment variable NAMES is not set. Set it, or write ${NAMES:-default}. Did you mean NAME?"),
        ("${OTHER}", "1: the environment variable OTHER is not set. Set it, or write ${OTHER:-default}."),
        ("${NAME", "1: found '${NAME'. Write ${NAME}, ${NAME:-default}, or $${ for the text itself."),
        ("${NAME-x}", "1: found '${NAME-x}'. Write ${NAME}, ${NAME:-default}, or $${ for the text itself."),
        ("x${}", "1: found '${}'. Write ${NAME}, ${NAME:-default}, or $${ for the text itself."),
        ("${MY_TOKEN}", "1: MY_TOKEN looks like a secret, and its value would be stored here. "
         "Use it in a setting such as api_key, token, headers or url, or rename the variable."),
    ],
)  # fmt: skip
def test_a_variable_that_can_not_be_replaced_is_named(problems, value, problem):
    assert problems("cascade: mails", f"cascade: {value}", environment={"NAME": "x", "MY_TOKEN": "hush"}) == [problem]


def test_a_secret_is_kept_by_name_and_not_looked_up(folder):
    text = LLM.replace("MORE", "model: m\n      api_key: ${KEY}")
    with_value, without = folder.load(text, {"KEY": "hush"}), folder.load(text, {})
    assert with_value.cascade.stage("draft").parameters["api_key"] == {"$env": "KEY"}
    assert with_value == without
    assert "hush" not in repr(with_value)


@pytest.mark.parametrize("value", ["sk-hush", "'hush ${KEY}'", "${KEY:-hush}", "1234567", "0x1F2E"])
def test_a_secret_in_the_file_is_refused_and_not_shown(problems, value):
    found = problems(LLM.replace("MORE", f"model: m\n      api_key: {value}"))
    assert "23: api_key holds a secret in the file itself. Write ${NAME}, the name of an environment variable." in found
    assert not any(secret in " ".join(found) for secret in ("hush", "1234", "1F2E"))


def test_a_secret_under_an_unknown_key_is_not_shown_either(problems):
    found = problems(LLM.replace("MORE", "model: m\n      header: {x-authorization: hush}\n    api_key: hush"))
    assert [p.partition(". ")[0] for p in found] == [
        "23: x-authorization holds a secret in the file itself",
        "23: unknown key 'header' in stages.draft.with",
        "24: unknown key 'api_key' in stages.draft",
    ]


def test_inputs_and_values_may_have_the_names_of_secrets(folder):
    text = BASE.replace("subject: record.subject, documents", "token: record.token, documents")
    text = text.replace("values: [orders, spam]", "values: {password: lost, spam: junk}")
    assert folder.load(text).cascade.stage("draft").inputs["token"].name == "token"


@pytest.mark.parametrize("name", ["api_key", "OPENAI_API_KEY", "x-api-key", "access_token", "Authorization", "secret"])
def test_names_of_secrets(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["max_tokens", "key", "tokenizer", "model"])
def test_names_of_no_secrets(name):
    assert not is_secret(name)


HTTP = """
cascade: mails
records: {path: mails.jsonl}
stages:
  draft:
    uses: http
    with: {url: "URL"}
    inputs: {subject: record.subject}
    output: {type: text}
    score: exact
outcome: {score: draft.exact}
"""


def test_a_secret_in_an_address_is_kept_by_name_and_others_are_replaced(folder):
    text = HTTP.replace("URL", "https://${PLACE}/answer?key=${SERVICE_KEY}")
    with_value = folder.load(text, {"PLACE": "host", "SERVICE_KEY": "hush-hush"})
    assert with_value.cascade.stage("draft").parameters["url"] == "https://host/answer?key=${SERVICE_KEY}"
    assert with_value == folder.load(text, {"PLACE": "host"})
    assert "hush-hush" not in repr(with_value)


def test_a_default_for_a_secret_in_an_address_is_refused(problems):
    found = problems(HTTP.replace("URL", "https://host/answer?key=${SERVICE_KEY:-hush}"))
    assert any("SERVICE_KEY looks like a secret" in problem for problem in found)
    assert "hush" not in " ".join(found)
