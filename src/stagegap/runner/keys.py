"""The key of a call: same key, same answer."""

from __future__ import annotations

from hashlib import sha256

from stagegap.model.values import Json
from stagegap.stages.canonical import canonical


def call_key(fingerprint: str, material: Json, repeat: int) -> str:
    """32 hex digits: a hash of the stage's fingerprint, its inputs in canonical form, and the repeat.

    `material` is the inputs, with documents replaced by the hashes of their content.

    >>> call_key("f", {"a": 1, "b": 2}, 0) == call_key("f", {"b": 2, "a": 1}, 0)
    True
    """
    return sha256(canonical([fingerprint, material, repeat])).hexdigest()[:32]
