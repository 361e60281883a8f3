from __future__ import annotations

from stagegap.runner.cases import call_key


def test_a_key_has_32_hex_digits() -> None:
    assert len(bytes.fromhex(call_key("f", {"a": "b"}, 0))) == 16


def test_fingerprint_inputs_and_repeat_each_make_another_key() -> None:
    keys = {
        call_key("f", {"a": "b"}, 0),
        call_key("g", {"a": "b"}, 0),
        call_key("f", {"a": "c"}, 0),
        call_key("f", {"b": "b"}, 0),
        call_key("f", {"a": None}, 0),
        call_key("f", {}, 0),
        call_key("f", {"a": "b"}, 1),
    }
    assert len(keys) == 7
