"""Reports and checks as files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stagegap import redaction, report
from stagegap.analysis import checks
from stagegap.analysis import views as codec
from stagegap.analysis.changes import Comparison
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError
from stagegap.report.scorecard import INDEX, reveals
from stagegap.workspace import Checked, Workspace

Form = Literal["html", "md", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, and where."""

    path: Path
    """The file, or the folder."""
    open: Path
    """The file to open first."""
    size: int
    records: int
    """Records whose texts it shows."""
    sentence: str
    """What a person should know before it is sent."""


def write_report(workspace: Workspace, card: Scorecard, output: Path | None, *, form: Form, records: bool) -> Written:
    """Write a scorecard as a file, by default named after cascade and run. Raises: ConfigurationError."""
    path = output or Path(f"{card.cascade}-{card.run}.{form}")
    noticing = workspace.oddities.current(card.cascade, card.run)
    if form == "md":
        return _written(path, report.markdown(card, oddities=noticing))
    if not records:
        bare = report.html(card, records=False, oddities=noticing) if form == "html" else None
        return _written(path, bare or report.numbers_json(card, oddities=noticing))
    waiting = _waiting(workspace, card, report.odd_examples(noticing))
    safe, strange = report.without(card, waiting), report.without_words(noticing, waiting)
    if form == "json":
        listed = {row.record for detail in safe.details for row in detail.rows} | report.odd_examples(strange)
        text = report.whole_json(safe, oddities=strange)
        return _written(path, text, records=len(listed), waiting=len(waiting))
    text = report.html(safe, records=True, left_out=len(waiting), oddities=strange)
    return _written(path, text, records=report.shown_records(safe), waiting=len(waiting))


def write_comparison(
    workspace: Workspace, view: Comparison, output: Path | None, *, form: Form, records: bool
) -> Written:
    """Write a comparison as a file, by default named after cascade and runs. Raises: ConfigurationError."""
    path = output or Path(f"{view.cascade}-{view.before}-{view.after}.{form}")
    if form == "md":
        return _written(path, report.comparison_markdown(view))
    if not records:
        bare = report.textless_changes(view)
        return _written(path, report.comparison_html(view, records=False) if form == "html" else codec.to_json(bare))
    waiting = workspace.failures.waiting_for_anybody(view.cascade, report.changed_records(view))
    safe = report.without_changes(view, waiting)
    if form == "json":
        count = len(report.changed_records(safe))
        return _written(path, codec.to_json(safe), records=count, waiting=len(waiting))
    text = report.comparison_html(safe, records=True, left_out=len(waiting))
    return _written(path, text, records=report.shown_changes(safe), waiting=len(waiting))


def write_bundle(workspace: Workspace, card: Scorecard, folder: Path) -> Written:
    """Write a scorecard as a folder with a page for each failure that it lists. Raises: ConfigurationError."""
    waiting = _waiting(workspace, card, ())
    records = {row.record for detail in card.details for row in detail.rows} - waiting
    views = [workspace.failures.record(card.cascade, card.run, record) for record in sorted(records)]
    readable = [view for view in views if view is not None]
    files = report.bundle(card, readable, left_out=len(waiting))
    for name, text in files.items():
        write_file(folder / name, text)
    size = sum(len(text.encode("utf-8")) for text in files.values())
    disclosure = reveals(card, len(readable), left_out=len(waiting))
    return Written(
        path=folder,
        open=folder / INDEX,
        size=size,
        records=len(readable),
        sentence=f"{folder}  {size / 1000:,.0f} KB, {len(files):,} files, no scripts, opens offline. {disclosure}",
    )


def _waiting(workspace: Workspace, card: Scorecard, examples: Collection[str]) -> frozenset[str]:
    listed = {row.record for detail in card.details for row in detail.rows} | set(examples)
    return workspace.failures.waiting_for_anybody(card.cascade, listed)


def _written(path: Path, text: str, *, records: int = 0, waiting: int = 0) -> Written:
    write_file(path, text)
    size = len(text.encode("utf-8"))
    texts = f"Texts of records: {records} shown (--no-records leaves them out)." if records else ""
    left = f"{waiting} left out: people are still to label them." if waiting else ""
    words = f"{path}  {size / 1000:.0f} KB, one file, no scripts, opens offline. {texts} {left}".split()
    return Written(path=path, open=path, size=size, records=records, sentence=" ".join(words).replace(" ", "  ", 1))


def write_file(path: Path, text: str) -> None:
    """Write a text without secrets, with the folders that it needs. Raises: ConfigurationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(redaction.words(text), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from None


def write_checks(checked: Checked, *, junit: Path | None, markdown: Path | None) -> None:
    """Write the checks for other programs, each where a path is given. Raises: ConfigurationError."""
    title = f"{checked.cascade} {checked.run}"
    files = (
        (junit, checks.junit(checked.results, suite=title)),
        (markdown, checks.markdown(checked.results, title=title)),
    )
    for path, text in files:
        if path is not None:
            write_file(path, text)
