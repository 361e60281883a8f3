"""What commands find before they begin: the workspace, a scorecard, two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.analysis.changes import Comparison
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError, NotFound, near_names
from stagegap.model.run import RunStatus
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Attribution, Gate, Past

DEMO = Path("pipelines", "support_email", "cascade.yaml")


def workspace() -> Workspace:
    """Open the workspace that the current folder lies in."""
    return Workspace.open(Path.cwd())


def folder() -> Path:
    """The folder of that workspace."""
    return workspace().folder


def cascade_name(opened: Workspace, cascade: str | None) -> str:
    """The name, by default that of the cascade that ran last. Raises: NotFound where there is none."""
    names = opened.cascades()
    known = dict.fromkeys([*names, *opened.files.by_name()])
    if not known:
        raise NotFound("There is no cascade here. `stagegap init` makes one.")
    if cascade is not None and cascade not in known:
        raise NotFound(f"There is no cascade {cascade!r} here. {near_names(cascade, known)}".strip())
    return cascade or next(iter(known))


def scorecard(opened: Workspace, cascade: str | None, run: str | None) -> Scorecard:
    """A scorecard, by default that of the newest run of the cascade that ran last. Raises: NotFound."""
    name = cascade_name(opened, cascade)
    card = opened.runs.scorecard(name, run)
    if card is None:
        done = [other.name for other in opened.runs.of(name) if other.status is RunStatus.DONE]
        hints = (
            (near_names(run, done),) if run and done else (opened.runs.ended_early(name), "`stagegap run` makes one.")
        )
        own = f" {run!r}" if run else ""
        raise NotFound(f"Cascade {name!r} has no finished run{own}. {' '.join(hint for hint in hints if hint)}")
    return card


def attribution(opened: Workspace, cascade: str | None, run: str | None) -> Attribution:
    """Look into a run, by default the newest of the cascade that ran last. Raises: NotFound."""
    return opened.runs.attribution(cascade_name(opened, cascade), run)


def comparison(
    opened: Workspace, cascade: str | None, before: str, after: str, *, shared: bool, held_out: bool = False
) -> Comparison:
    """Compare two runs; `shared` takes the offer where they can't be compared as they are, `held_out` half of them.

    Raises: NotFound, ConfigurationError where both are the same run.
    """
    if before == after:
        raise ConfigurationError(f"{before} is one run: name two to compare.")
    view = opened.runs.compare(cascade_name(opened, cascade), before, after, held_out=held_out)
    if not shared:
        return view
    from stagegap.workspace import on_shared_records

    return on_shared_records(view)


def pair(opened: Workspace, cascade: str | None, before: str | None, after: str | None) -> tuple[str, str]:
    """Two runs by name: by default the newest that is done, and the one before it. Raises: NotFound."""
    if before and after:
        return before, after
    name = cascade_name(opened, cascade)
    done = [run.name for run in opened.runs.of(name) if run.status is RunStatus.DONE]
    others = [run for run in done if run != before]
    runs = [before, *others[:1]] if before else others[1::-1]
    if len(runs) < 2:
        only = f"only one run that is done, {done[0]}" if done else "no run that is done"
        raise NotFound(f"Cascade {name!r} has {only}. Change something, then `stagegap run` makes another.")
    return runs[0], runs[1]


def newest(opened: Workspace, cascade: str | None, run: str | None) -> str:
    """The name of a run, by default that of the newest that is done. Raises: NotFound."""
    return run or scorecard(opened, cascade, None).run


def gate(opened: Workspace, cascade: str | None) -> Gate:
    """What holds the line, by default of the cascade that ran last. Raises: NotFound."""
    return opened.gate(cascade_name(opened, cascade))


def past(opened: Workspace, cascade: str | None) -> Past:
    """The past runs, by default of the cascade that ran last. Raises: NotFound."""
    return opened.past(cascade_name(opened, cascade))


def show_run(
    name: str,
    look: Callable[[Attribution], object],
    cascade: str | None,
    run: str | None,
    *,
    as_json: bool,
    junit: Path | None = None,
    is_decided: bool = False,
) -> None:
    """Print a view of one run, by default of the newest, and what to type next."""
    from stagegap.cli.printed import present

    with workspace() as opened:
        looked_into = attribution(opened, cascade, run)
        view, ending = look(looked_into), "" if run else opened.runs.ended_early(looked_into.run.cascade)
    present(name, view, as_json=as_json, ending=ending, junit=junit, is_decided=is_decided)


def show_past(
    name: str,
    look: Callable[[Past], object],
    cascade: str | None,
    *,
    as_json: bool,
    junit: Path | None = None,
    is_decided: bool = False,
) -> None:
    """Print a view of the past runs of a cascade, and what to type next."""
    from stagegap.cli.printed import present

    with workspace() as opened:
        view = look(past(opened, cascade))
    present(name, view, as_json=as_json, junit=junit, is_decided=is_decided)
