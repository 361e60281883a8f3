"""What a run was made from and what it holds: files, records, labels, code, environment, cells; never a secret."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from stagegap import redaction
from stagegap.analysis import views
from stagegap.analysis.runs import config_differences
from stagegap.analysis.units import lists_of, units_by, with_lists
from stagegap.model.answer import Label, Output
from stagegap.model.cascade import Cascade, CascadeFile
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM, Cell, Environment, Provenance, Role, Run, Source, StageOrigin
from stagegap.model.units import Keys, Levels, record_of, unit_id
from stagegap.runner import CUSTOM, Materials, metric_functions
from stagegap.spec.judges import resolved_blocks
from stagegap.stages.kinds import named
from stagegap.stages.protocol import Coded, StageCode
from stagegap.stages.settings import texts
from stagegap.store import Store


def own_cells(store: Store, run: Run) -> list[Cell]:
    """The cells of the run itself, without mixtures with another run and without people's answers."""
    return [cell for cell in store.cells(run.id) if cell.is_own]


def own_outputs(store: Store, run: Run, cascade: Cascade) -> dict[tuple[str, str], dict[str, Output]]:
    """The first repeat of every output of the run's own cells: by cell as text and stage, then by record."""
    return {
        (str(cell), name): first_outputs(store, run, cell, name)
        for cell in own_cells(store, run)
        for name in cascade.names
        if name not in cell.stages
    }


def first_outputs(store: Store, run: Run, cell: Cell, stage: str) -> dict[str, Output]:
    """The first repeat of a stage's outputs by record."""
    return {output.record: output for output in store.outputs(run.id, cell, stage) if output.repeat == 0}


Flow = tuple[dict[str, Output], dict[str, list[Output | None]]]
"""The first repeat of the system's outputs of one record, by stage, that of a stage of units being the list of theirs;
and of these stages the outputs of each unit, in order, None for one that is not there.
"""


def outputs_of_records(store: Store, run: Run, cascade: Cascade, records: Sequence[Record]) -> dict[str, Flow]:
    """How each of these records flowed, by its id. Among millions one name is looked for as long as many are."""
    levels, ids = Levels.of(cascade), [record.id for record in records]
    outputs: dict[tuple[str, str], dict[str, Output]] = {(str(SYSTEM), stage): {} for stage in cascade.names}
    of_units: dict[str, dict[str, list[str]]] = {}
    for output in store.outputs(run.id, SYSTEM, None, records=ids):
        if output.repeat == 0 and levels.paths.get(output.stage) == ():
            outputs[str(SYSTEM), output.stage][output.record] = output
    for stage in cascade.names:
        path = levels.paths[stage]
        if path:
            lists = lists_of(SYSTEM, path, outputs, {})
            names = {record.id: _names_of_units(record, units_by(lists, levels, record, path)) for record in records}
            wanted = [name for own in names.values() for name in own]
            asked = store.outputs(run.id, SYSTEM, stage, records=wanted) if wanted else ()
            outputs[str(SYSTEM), stage] = {output.record: output for output in asked if output.repeat == 0}
            of_units[stage] = names
    whole = with_lists(cascade, records, outputs, {})
    return {
        name: (
            {stage: of[name] for (_, stage), of in whole.items() if name in of},
            {stage: [outputs[str(SYSTEM), stage].get(unit) for unit in of[name]] for stage, of in of_units.items()},
        )
        for name in ids
    }


def _names_of_units(record: Record, units: list[Keys] | Output | None) -> list[str]:
    return [unit_id(record.id, keys) for keys in units] if isinstance(units, list) else []


def run_records(store: Store, run: Run, cascade: Cascade) -> list[Record]:
    """The records that a run was made on, as they were then where the run kept that."""
    levels = Levels.of(cascade)
    told_by = [levels.whole] if levels.whole is not None else list(cascade.names)
    made = {
        record_of(levels, stage, output.record) for stage in told_by for output in store.outputs(run.id, SYSTEM, stage)
    }
    made_from = read(store, run.id)
    then = store.origins.records(made_from.records_digest) if made_from else store.records(cascade.name)
    return [record for record in then if record.id in made]


MOST_BYTES = 1_000_000
"""Of a file whose text is kept: prompts, functions and small corpora, but no data sets."""
MOST_DIFF = 200_000
"""Characters of the work tree's difference that are kept."""
_NO_SECRETS = (":(exclude,glob)**/.env*", ":(exclude,glob)**/*.pem", ":(exclude,glob)**/*.key")
_DISTRIBUTION = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info")


def provenance(
    file: CascadeFile,
    materials: Materials,
    codes: Mapping[str, StageCode],
    labels: Sequence[Label],
    *,
    records_digest: str,
    folder: Path,
    is_dirty: bool,
    environment: Mapping[str, str],
) -> tuple[Provenance, dict[str, str]]:
    """What a run is made from, and the texts to keep by their digest."""
    texts: dict[str, str] = {}
    pointed = imported(file, codes) | pointed_at(file)
    sources = tuple(_source(file, role, path, environment, texts) for path, role in pointed.items())
    diff = redaction.words(_diff(folder), environment) if is_dirty else ""
    stages = {
        stage.name: StageOrigin(
            uses=stage.uses,
            fingerprint=codes[stage.name].fingerprint,
            model=str(stage.parameters.get("model") or ""),
        )
        for stage in file.cascade.called.stages
    }
    made_from = Provenance(
        environment=here(),
        records=len(materials.records),
        records_digest=records_digest,
        labels=len(labels),
        labels_digest=labels_digest(labels),
        corpora={name: corpus.hash for name, corpus in materials.corpora.items()},
        stages=stages,
        sources=sources,
        diff=diff[:MOST_DIFF],
        diff_is_cut=len(diff) > MOST_DIFF,
    )
    return made_from, texts


METRICS = "metrics"
_MEASURES = re.compile(
    r"(?:records|references|ratings|outcome|outcomes|evaluate|targets|human_baseline)\b|"
    r"stages\.[^.]+\.(?:score|score_rests_on|judge|ask|guideline)\b"
)
"""Keys of a cascade file that say what its stages are held to."""


def put_metrics(store: Store, run: Run, file: CascadeFile) -> None:
    """Keep which code the user's own metrics had, where there are any."""
    if digests := _metrics_code(file):
        store.put_fact(run.id, METRICS, json.dumps(digests))


def changed_measures(store: Store, run: Run, file: CascadeFile) -> tuple[str, ...]:
    """What a file holds its stages to, where that is not what it was at a run: its keys, and the user's metrics."""
    changes = config_differences(run.resolved, json.dumps(file.resolved))
    before: dict[str, str] = json.loads(store.fact(run.id, METRICS) or "{}")
    metrics = (name for name, digest in _metrics_code(file).items() if before.get(name, digest) != digest)
    return (*(change.path for change in changes if _MEASURES.match(change.path)), *metrics)


def _metrics_code(file: CascadeFile) -> dict[str, str]:
    """By name, with paths as they are from the cascade's folder: so a clone's are the same."""
    return {
        name.replace(f"{file.folder}{os.sep}", ""): function.code.digest
        for name, function in metric_functions(file).items()
    }


def read(store: Store, run: str) -> Provenance | None:
    """What a run was made from; None for a run that is older than the keeping of it."""
    body = store.origins.body(run)
    return None if body is None else views.from_json(Provenance, body)


def labels_digest(labels: Sequence[Label]) -> str:
    """One hash for labels in their order: a label's id is made from its content."""
    return hashlib.blake2b("\n".join(label.id for label in labels).encode(), digest_size=16).hexdigest()


def here() -> Environment:
    """Say where this program runs."""
    return Environment(
        program=version("stagegap"),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages=dict(sorted(_packages())),
    )


def pointed_at(file: CascadeFile) -> dict[str, Role]:
    """Every file that a cascade points at, by path; records and references are kept by the store."""
    roles: dict[str, Role] = {}
    for corpus in _entries(file.resolved, "corpora").values():
        roles |= dict.fromkeys(texts(_mapping(corpus).get("path")), "corpus")
    for _, stage in resolved_blocks(file.resolved):
        kind, settings = named(str(stage.get("uses"))), _entries(stage, "with")
        for key, points in kind.pointers.items() if kind else ():
            for text in texts(settings.get(key)):
                path = text.rpartition(":")[0] if points.form == "function" else text
                if points.form != "word" or _is_own(file.folder, path):
                    roles[path] = points.role
        roles |= dict.fromkeys((function.rpartition(":")[0] for function in _metrics(stage)), "code")
        roles |= dict.fromkeys(texts(stage.get("guideline")), "guideline")
        roles |= dict.fromkeys(texts(stage.get("examples")), "prompt")
    return roles


def imported(file: CascadeFile, codes: Mapping[str, StageCode]) -> dict[str, Role]:
    """The project's modules that functions of stages and metrics import, by path relative to the file."""
    functions = [code.code for code in codes.values() if isinstance(code, Coded)]
    functions += [function.code for function in metric_functions(file).values()]
    roles: dict[str, Role] = {}
    for code in functions:
        roles |= dict.fromkeys((os.path.relpath(path, file.folder) for path in code.files), "code")
    return roles


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes; empty where it can't be read."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


def _source(file: CascadeFile, role: Role, path: str, environment: Mapping[str, str], texts: dict[str, str]) -> Source:
    place = Path(file.folder, path)
    digest = digest_of(place)
    size = place.stat().st_size if digest else 0
    state, text = _text(place, size, environment) if digest else ("not text", "")
    if state == "text":
        texts[digest] = text
    return Source(role=role, path=path, digest=digest, size=size, kept=state)


def _text(
    place: Path, size: int, environment: Mapping[str, str]
) -> tuple[Literal["text", "too large", "not text", "holds a secret"], str]:
    if size > MOST_BYTES:
        return "too large", ""
    try:
        text = place.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "not text", ""
    if redaction.words(text, environment) != text:
        return "holds a secret", ""
    return "text", text


def _diff(folder: Path) -> str:
    """How the work tree under the folder differs from the commit; empty where git can't say."""
    command = ["git", "-C", str(folder), "diff", "--no-ext-diff", "--no-color", "HEAD", "--", ".", *_NO_SECRETS]
    try:
        process = subprocess.run(command, capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return process.stdout.decode("utf-8", "replace")


def _packages() -> Iterator[tuple[str, str]]:
    """Name and version of what is installed, from the names of folders: reading their files takes 50 ms."""
    for place in reversed(sys.path):
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for name in names:
            match = _DISTRIBUTION.fullmatch(name)
            if match:
                yield match["name"].lower().replace("_", "-"), match["version"]


def _is_own(folder: str, word: str) -> bool:
    """True for a word of a command that names a file of the folder: its content counts."""
    return not Path(word).is_absolute() and Path(folder, word).is_file()


def _entries(mapping: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    return _mapping(mapping.get(key))


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _metrics(stage: Mapping[str, Json]) -> Iterator[str]:
    """`file.py:function` of each metric that is a user's function."""
    yield from (name.removeprefix(CUSTOM) for name in texts(stage.get("score")) if name.startswith(CUSTOM))
