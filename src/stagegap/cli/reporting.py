"""A report as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stagegap import report
from stagegap.analysis import codec
from stagegap.analysis.changes import check_output
from stagegap.analysis.oddities.noticed import Noticing
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError
from stagegap.workspace.holding import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, and where."""

    path: Path
    size: int
    records: int
    """Records whose texts the file shows."""

    @property
    def sentence(self) -> str:
        """What a person should know before the file is sent."""
        shown = f"Texts of records: {self.records} shown (--no-records leaves them out)." if self.records else ""
        return f"{self.path}  {self.size / 1000:.0f} KB, one file, no scripts, opens offline. {shown}".strip()


def write_report(
    card: Scorecard,
    output: Path | None,
    *,
    form: Literal["html", "md", "json"],
    records: bool,
    oddities: Noticing | None = None,
) -> Written:
    """Write a scorecard as a file, by default named after cascade and run."""
    path = output or Path(f"{card.cascade}-{card.run}.{form}")
    match form:
        case "html":
            text = report.html(card, records=records, oddities=oddities)
        case "md":
            text = report.markdown(card)
        case "json":
            text = codec.to_json(card)
    content = text.encode("utf-8")
    path.write_bytes(content)
    shown = report.shown_records(card) if form == "html" and records else 0
    return Written(path=path, size=len(content), records=shown)


def write_checks(checked: Checked, *, junit: Path | None, markdown: Path | None) -> None:
    """Write the checks for other programs, each where a path is given. Raises: ConfigurationError."""
    title = f"{checked.cascade} {checked.run}"
    files = (
        (junit, check_output.junit(checked.results, suite=title)),
        (markdown, check_output.markdown(checked.results, title=title)),
    )
    for path, text in files:
        try:
            if path is not None:
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from None
