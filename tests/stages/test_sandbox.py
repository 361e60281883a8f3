from __future__ import annotations

import pytest
from jinja2.exceptions import SecurityError

from stagegap.stages.templates import Sandbox

VALUES = {"text": "hi", "docs": [{"a": 1}, {"a": 2}], "long": "x" * 1_000_000}


def fill(source: str) -> str:
    sandbox = Sandbox(trim_blocks=True, lstrip_blocks=True)
    return sandbox.fill(sandbox.from_string(source), VALUES)


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        ("{% for d in docs %}{{ loop.index }}/{{ loop.length }}{{ ', ' if not loop.last }}{% endfor %}", "1/2, 2/2"),
        ("{{ 'a' ~ 1 ~ text }} {{ [1] + [2] }} {{ 2 * 3 + 1 }} {{ 7 % 4 }} {{ 'ab' * 2 }} {{ 2 ** 10 }}",
         "a1hi [1, 2] 7 3 abab 1024"),
        ("{{ docs | map(attribute='a') | join(', ') }} {{ docs | tojson }}", '1, 2 [{"a": 1}, {"a": 2}]'),
        ("{{ text | replace('i', 'o') }} {{ '%s-%02d' | format('a', 3) }} {{ '{:>4}'.format(text) }}", "ho a-03   hi"),
        ("{{ text.ljust(4) }}| {{ text | center(6) }}|", "hi  |   hi  |"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{% set s %}{{ text }}{% endset %}{{ s }}", "<1>hi"),
        ("{% for key, value in docs[0].items() %}{{ key }}={{ value }}{% endfor %}", "a=1"),
        ("{% set n = namespace(x=0) %}{% for i in range(4) %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}", "6"),
    ],
)  # fmt: skip
def test_templates_are_filled_as_ever(source: str, filled: str) -> None:
    assert fill(source) == filled


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 10 ** 10 }}",
        "{{ 10 ** 10 * [1] }}",
        "{{ 9 ** 9 ** 9 ** 9 * 9 ** 99999999 }}",
        "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{{ long }}{% endfor %}",
        "{% set all %}{% for i in range(99999) %}{{ long }}{% endfor %}{% endset %}",
        "{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}" + "{{ " + "d(" * 40 + "'a'" + ")" * 40 + " }}",
        "{% macro c(n) %}{% if n %}{{ c(n - 1) }}{{ c(n - 1) }}{% endif %}{% endmacro %}{{ c(60) }}",
        "{{ 'x'.ljust(10 ** 10) }}",
        "{{ 'x'.zfill(10 ** 10) }}",
        "{{ '\t'.expandtabs(10 ** 10) }}",
        "{{ 'x' | center(10 ** 10) }}",
        "{{ 'a\nb' | indent(10 ** 10) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%*d' % (10 ** 10, 1) }}",
        "{{ '%9999999999d' | format(1) }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{{ long.replace('', long) }}",
        "{{ long | replace('x', long) }}",
        "{{ ([long] * 99) | join }}",
        "{{ ','.join([long] * 99) }}",
        "{{ [long] * 99 }}",
        "{{ ([long] * 99) | string }}",
        "{{ ([long] * 99) | tojson }}",
    ],
)
def test_templates_that_explode_end_soon_with_a_reason(source: str) -> None:
    with pytest.raises(SecurityError, match=r"it makes a text|it makes a number|it takes more than|a format asks"):
        fill(source)
