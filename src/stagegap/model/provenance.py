"""What a run was made from: enough to make it again, and to say what differs when it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["prompt", "code", "corpus", "recorded", "guideline", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file that the cascade file points at; records and references are kept by the store itself."""

    role: Role
    path: str
    """Relative to the folder of the cascade file, as it stands in the resolved file."""
    digest: str
    """SHA-256 of its bytes, hex."""
    size: int
    """Bytes."""
    kept: Literal["text", "too large", "not text", "holds a secret"]
    """`text` when the store has its content; otherwise why only the digest is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOrigin:
    """What answered at one stage."""

    uses: str
    fingerprint: str
    """Of kind, parameters, prompt, code, model artefact and library: equal fingerprints answer alike."""
    model: str = ""
    """Name of the model where the stage asks for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was made."""

    program: str
    """Version of stagegap."""
    python: str
    platform: str
    """System and machine, as `Linux x86_64`."""
    packages: Mapping[str, str]
    """Version of each installed distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a run was made from, besides its resolved file, options, seed and commit, which stand at the run."""

    environment: Environment
    records: int
    """Records in the cascade's files, those included that a run leaves out or trains on."""
    records_digest: str
    """Of their ids and contents, in order: names the set that the store keeps."""
    labels: int
    """Labels that there were: the first so many of the cascade."""
    labels_digest: str
    corpora: Mapping[str, str]
    """Hash of each corpus's documents."""
    stages: Mapping[str, StageOrigin]
    sources: tuple[Source, ...]
    diff: str = ""
    """Difference of the work tree from the commit, secrets blotted out; empty for a clean tree."""
    diff_is_cut: bool = False
    """True when the difference was longer than what is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTag:
    """A name that somebody gave to a run, or took off."""

    run: str
    """Id of the run."""
    tag: str
    who: str
    at: float
    """Seconds since 1970, UTC."""
    is_on: bool = True
