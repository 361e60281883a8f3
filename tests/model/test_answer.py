from __future__ import annotations

from dataclasses import fields

from stagegap.model.answer import LABEL_FIELDS, Label


def test_every_field_of_a_label_but_its_answers_is_in_the_one_list():
    assert set(LABEL_FIELDS) == {field.name for field in fields(Label)} - {"answer", "also"}
