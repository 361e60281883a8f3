"""Reports and checks as files, and one comment on a pull request, written anew with every push."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stagegap import charts, report
from stagegap.analysis import checks
from stagegap.analysis import views as codec
from stagegap.analysis.changes import Comparison
from stagegap.analysis.views import Scorecard
from stagegap.cli.printed import write_file
from stagegap.errors import ConfigurationError
from stagegap.media import inlined
from stagegap.model.media import Media
from stagegap.people.roster import NOBODY_WAITS, OpenRecords
from stagegap.report.scorecard import INDEX, reveals
from stagegap.workspace import Checked, Workspace

Form = Literal["html", "md", "json"]
LARGE = 640
"""Pixels of the longer side of a picture on a page of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What of the records stands in a file that is sent around."""

    records: bool = True
    """Their texts."""
    media: bool = True
    """Small pictures of those whose texts stand there."""
    with_open: bool = False
    """Also those that somebody active has yet to answer, whose queues leave them out from then on."""


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


def write_report(
    workspace: Workspace, card: Scorecard, output: Path | None, *, form: Form, disclosed: Disclosed
) -> Written:
    """Write a scorecard as a file, by default named after cascade and run.

    Records that somebody active has yet to answer are left out, unless `with_open`. Raises: ConfigurationError.
    """
    path = output or Path(f"{card.cascade}-{card.run}.{form}")
    noticing = workspace.oddities.current(card.cascade, card.run)
    if form == "md":
        return _written(path, report.markdown(card, oddities=noticing))
    read = workspace.runs.attribution(card.cascade, card.run).codes()
    if not disclosed.records:
        bare = report.html(card, records=False, oddities=noticing, read=read) if form == "html" else None
        return _written(path, bare or report.numbers_json(card, oddities=noticing))
    examples = report.odd_examples(noticing)
    waiting = workspace.failures.open_records(card.cascade, _listed(card) | examples)
    hidden = NOBODY_WAITS if disclosed.with_open else waiting
    safe, strange = report.without(card, hidden.records), report.without_words(noticing, hidden.records)
    if form == "json":
        listed = _listed(safe) | report.odd_examples(strange)
        remark = _revealed(workspace, card.cascade, card.run, waiting.among(listed), card.noun)
        text = report.whole_json(safe, oddities=strange)
        return _written(path, text, records=len(listed), remark=remark or hidden.left_out(card.noun))
    listed = report.shown_records(safe)
    visible = waiting.among({*listed, *report.odd_examples(strange)})
    remark = _revealed(workspace, card.cascade, card.run, visible, card.noun)
    remark = remark or hidden.among({*report.failures_at(card), *examples}).left_out(card.noun)
    pictures = workspace.inlined(card.cascade, {*listed, *report.odd_examples(strange)}) if disclosed.media else None
    text = report.html(safe, records=True, left_out=remark, oddities=strange, pictures=pictures, read=read)
    return _written(path, text, records=len(listed), remark=remark)


def write_comparison(
    workspace: Workspace, view: Comparison, output: Path | None, *, form: Form, disclosed: Disclosed
) -> Written:
    """Write a comparison as a file, by default named after cascade and runs.

    Raises: ConfigurationError.
    """
    path = output or Path(f"{view.cascade}-{view.before}-{view.after}.{form}")
    if form == "md":
        return _written(path, report.comparison_markdown(view))
    if not disclosed.records:
        bare = report.textless_changes(view)
        return _written(path, report.comparison_html(view, records=False) if form == "html" else codec.to_json(bare))
    waiting = workspace.failures.open_records(view.cascade, report.changed_records(view))
    hidden = NOBODY_WAITS if disclosed.with_open else waiting
    safe = report.without_changes(view, hidden.records)
    listed = report.changed_records(safe)
    remark = _revealed(workspace, view.cascade, view.after, waiting.among(listed), view.noun)
    remark = remark or hidden.left_out(view.noun)
    if form == "json":
        return _written(path, codec.to_json(safe), records=len(listed), remark=remark)
    pictures = workspace.inlined(view.cascade, listed) if disclosed.media else None
    text = report.comparison_html(safe, records=True, left_out=remark, pictures=pictures)
    return _written(path, text, records=report.shown_changes(safe), remark=remark)


def write_bundle(workspace: Workspace, card: Scorecard, folder: Path, *, disclosed: Disclosed) -> Written:
    """Write a scorecard as a folder with a page for each failure that it lists.

    Raises: ConfigurationError.
    """
    waiting = workspace.failures.open_records(card.cascade, _listed(card))
    hidden = NOBODY_WAITS if disclosed.with_open else waiting
    views = [
        workspace.failures.record(card.cascade, card.run, record) for record in sorted(_listed(card) - hidden.records)
    ]
    readable = [view for view in views if view is not None]
    visible = waiting.among(view.record for view in readable)
    remark = _revealed(workspace, card.cascade, card.run, visible, card.noun) or hidden.left_out(card.noun)
    show = _as_picture(Path(workspace.media_folder(card.cascade))) if disclosed.media else charts.as_path
    files = report.bundle(card, readable, left_out=remark, show=show)
    for name, text in files.items():
        write_file(folder / name, text)
    size = sum(len(text.encode("utf-8")) for text in files.values())
    disclosure = reveals(card, len(readable), left_out=remark)
    return Written(
        path=folder,
        open=folder / INDEX,
        size=size,
        records=len(readable),
        sentence=f"{folder}  {size / 1000:,.0f} KB, {len(files):,} files, no scripts, opens offline. {disclosure}",
    )


def _as_picture(root: Path) -> charts.Show:
    """How files are drawn in pages that are sent around: pictures as they are, anything else by its path."""

    def show(media: Media) -> charts.Element:
        address, path = inlined(root, media, most=LARGE), charts.as_path(media)
        return ["div", {"class": "vi"}, ["img", {"src": address, "alt": media.path}], path] if address else path

    return show


def _listed(card: Scorecard) -> set[str]:
    return {row.record for detail in card.details for row in detail.rows}


def _revealed(workspace: Workspace, cascade: str, run: str, visible: OpenRecords, noun: str) -> str:
    """Note that whoever has yet to answer what is shown is no longer blind to it, and say so."""
    if visible.people:
        workspace.failures.reveal(cascade, run, visible)
    return visible.revealed(noun)


def _written(path: Path, text: str, *, records: int = 0, remark: str = "") -> Written:
    write_file(path, text)
    size = len(text.encode("utf-8"))
    texts = f"Texts of records: {records} shown (--no-records leaves them out)." if records else ""
    words = f"{path}  {size / 1000:.0f} KB, one file, no scripts, opens offline. {texts} {remark}".split()
    return Written(path=path, open=path, size=size, records=records, sentence=" ".join(words).replace(" ", "  ", 1))


def write_checks(checked: Checked, *, junit: Path | None, markdown: Path | None) -> None:
    """Write the checks for other programs, each where a path is given. Raises: ConfigurationError."""
    title = f"{checked.cascade} {checked.run}"
    files = (
        (junit, checks.junit(checked.results, suite=title)),
        (markdown, checks.markdown(checked.results, title=title, change=checked.change)),
    )
    for path, text in files:
        if path is not None:
            write_file(path, text)


MARK = "<!-- stagegap: {key} -->"
"""First line of the comment, by which the next push knows it; GitHub does not show it."""
LONGEST = 65_536
"""Characters that GitHub takes."""
CUT = "\n\n(The rest does not fit into a comment; it stands in the summary of the job.)\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request behind GitHub's API."""

    api: str
    repository: str
    """Owner and name."""
    number: int
    token: str

    def write(self, mark: str, text: str) -> str:
        """Write the comment that begins with `mark`, or change it where there is one; say which.

        Raises: ConfigurationError where the API refuses or can't be reached.
        """
        body = f"{mark}\n{text}"
        if len(body) > LONGEST:
            body = body[: LONGEST - len(CUT)] + CUT
        earlier = next((known for known in self._comments() if str(known.get("body", "")).startswith(mark)), None)
        if earlier is None:
            self._asked("POST", f"issues/{self.number}/comments", {"body": body})
            return f"Wrote a comment on pull request {self.number}."
        self._asked("PATCH", f"issues/comments/{earlier['id']}", {"body": body})
        return f"Changed the comment on pull request {self.number}."

    def _comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while comments := self._asked("GET", f"issues/{self.number}/comments?per_page=100&page={page}", None):
            yield from comments
            page += 1

    def _asked(self, method: str, path: str, content: Mapping[str, str] | None) -> Any:  # what the API answers
        import httpx2

        address = f"{self.api}/repos/{self.repository}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/vnd.github+json"}
        try:
            answer = httpx2.request(method, address, headers=headers, json=content, timeout=30)
        except httpx2.HTTPError as error:
            raise ConfigurationError(f"{self.api} can't be reached: {type(error).__name__}: {error}.") from None
        if answer.status_code in (401, 403, 404):
            raise ConfigurationError(
                f"{self.api} refuses ({answer.status_code}): the token may not write on {self.repository}. The job "
                "needs `permissions: {pull-requests: write}`; pull requests from forks get a token that only reads."
            )
        if answer.status_code >= 300:
            raise ConfigurationError(f"{self.api} answered {answer.status_code} to {method} {path}.")
        return answer.json()


def pull_of(environment: Mapping[str, str], number: int | None) -> Pull:
    """The pull request that the environment of a GitHub job names. Raises: ConfigurationError."""
    missing = [name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY") if not environment.get(name)]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} must be set: a job of GitHub Actions has them.")
    number = number or _number(environment.get("GITHUB_EVENT_PATH", ""))
    if number is None:
        raise ConfigurationError("This job is of no pull request; `--number` names one.")
    return Pull(
        api=environment.get("GITHUB_API_URL", "https://api.github.com"),
        repository=environment["GITHUB_REPOSITORY"],
        number=number,
        token=environment["GITHUB_TOKEN"],
    )


def _number(event: str) -> int | None:
    """Number of the pull request that the file of the event names; None where it names none."""
    try:
        number = json.loads(Path(event).read_text(encoding="utf-8"))["pull_request"]["number"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return number if isinstance(number, int) else None
