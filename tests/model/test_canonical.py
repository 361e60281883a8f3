from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.canonical import canonical, digest
from stagegap.model.record import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=3), JSON, min_size=2))
def test_the_order_of_keys_makes_no_difference(value: dict[str, Json]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


@given(JSON)
def test_every_json_value_has_a_digest_of_32_hex_digits(value: Json) -> None:
    assert len(bytes.fromhex(digest(value))) == 16


def test_integers_beyond_64_bits_are_told_apart() -> None:
    assert digest(2**70) != digest(2**70 + 1)


def test_half_a_character_has_a_digest() -> None:
    assert digest("\ud800") != digest("\ud801")


def test_read_only_mappings_and_other_sequences_count_as_their_content() -> None:
    assert canonical({"a": MappingProxyType({"b": range(2)})}) == b'{"a":{"b":[0,1]}}'


def test_what_is_no_json_has_no_canonical_form() -> None:
    with pytest.raises(TypeError):
        canonical({1, 2})  # type: ignore[arg-type]
