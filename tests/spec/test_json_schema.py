import json
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from spec.folders import BASE
from stagegap.spec import json_schema, write_schema

SCHEMA = json_schema()


def is_valid(text):
    return Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


def test_the_checked_in_schema_is_up_to_date(tmp_path):
    write_schema(tmp_path / "schema.json")
    shipped = files("stagegap.spec").joinpath("cascade.schema.json").read_text(encoding="utf-8")
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == shipped
    assert json.loads(shipped) == SCHEMA


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_every_key_has_a_description():
    definitions: dict[str, Any] = json.loads(json.dumps(SCHEMA["$defs"]))
    for name, definition in definitions.items():
        for key, value in definition.get("properties", {}).items():
            referred = [value, *value.get("anyOf", [])]
            texts = [definitions[r["$ref"].rpartition("/")[2]] for r in referred if "$ref" in r] + referred
            assert any("description" in text for text in texts), f"{name}.{key}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cascade: mails", "nuon: x"),
        ("cascade: mails", "cascade: 3"),
        ("  route:", "  9route:"),
        ("uses: sklearn", "uses: skleran"),
        ("method: bm25", "methd: bm25"),
        ("k: 3, query", "k: three, query"),
        ("type: text", "type: txt"),
    ],
)
def test_an_editor_complains_where_loading_does(old, new):
    assert is_valid(BASE)
    assert not is_valid(BASE.replace(old, new))


def test_an_editor_allows_variables_for_numbers_and_secrets():
    llm = '{model: m, prompt: p, temperature: "${T:-0}", api_key: "${KEY}"}'
    text = BASE.replace('uses: python\n    with: {function: "stages.py:draft"}', f"uses: llm\n    with: {llm}")
    assert is_valid(text)
    assert not is_valid(text.replace("${KEY}", "sk-1"))


def test_a_variant_holds_only_what_differs():
    assert is_valid("extends: base.yaml\nstages: {draft: {when: null, with: {k: 2}}, route: null}\n")
    assert is_valid("extends: base.yaml\nstages: {draft: {uses: llm, with: {function: null, model: m, prompt: p}}}\n")
    assert not is_valid("extends: base.yaml\nstages: {draft: {whn: x}}\n")
    assert not is_valid("extends: base.yaml\nnuon: x\n")
