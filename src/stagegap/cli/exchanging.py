"""Labels in: what the options say, and what an import brought."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.cli import printing
from stagegap.errors import ConfigurationError
from stagegap.model.values import Json
from stagegap.workspace import Foreign, ImportReport


def foreign(source: str | None, stages: Sequence[str], record_id: str | None) -> Foreign:
    """Read the options of an import. Raises: ConfigurationError for a stage without its foreign name."""
    pairs = [stage.partition("=") for stage in stages]
    for name, sign, other in pairs:
        if not name or not other:
            raise ConfigurationError(
                f"--stage takes the stage and the question's name in the other program, as in --stage route=topic; "
                f"found {name + sign + other!r}."
            )
    return Foreign(source=source, stages=tuple((name, other) for name, _, other in pairs), record_id=record_id)


def as_json(report: ImportReport) -> Json:
    """The report for programs."""
    return {
        "added": report.added,
        "known": report.known,
        "from": report.source,
        "unmapped": [
            {"reason": part.reason, "count": part.count, "examples": list(part.examples)} for part in report.unmapped
        ],
    }


def draw_import(report: ImportReport) -> None:
    """Print what is new, and everything that became no label."""
    known = f" {report.known:,} were there already." if report.known else ""
    read = f" (read as {report.source})" if report.source else ""
    printing.say(f"{report.added:,} labels are new{read}.{known}")
    for part in report.unmapped:
        printing.say(f"{part.count:,} became no label: {part.reason}")
        for example in part.examples:
            printing.say(f"    {example}")
