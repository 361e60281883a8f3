"""The rail of the Failures page: a person's own reasons, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stagegap import charts
from stagegap.analysis.tags import LONGEST
from stagegap.analysis.views import Scorecard
from stagegap.errors import StagegapError
from stagegap.model.values import Json
from stagegap.ui import elements, identity, state
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import OwnTally
from stagegap.ui.elements import note


def draw(
    workspace: Workspace,
    scorecard: Scorecard,
    own_tally: OwnTally,
    record: str | None,
    who: str | None,
    verified: bool,
) -> None:
    """Draw the tags with their numbers; who has not said who they are is asked first."""
    elements.subheading("Your reasons")
    if who is None:
        return note(f"{identity.invitation()} to note why each fails.")
    stage = own_tally.tally.stage
    key = f"tags {scorecard.cascade} {scorecard.run} {stage} {who}"
    here = own_tally.own.by_record.get(record or "", ())
    rows = [
        {"tag": row.tag, "share": charts.tag_share(row), "win": charts.tag_win(row), "on": row.tag in here}
        for row in own_tally.tally.rows
    ]
    data = {
        "context": f"tags/{scorecard.cascade}/{scorecard.run}/{stage}",
        "who": who,
        "record": record,
        "rows": rows,
        "acknowledged": state.acknowledged(key),
        "longest": LONGEST,
    }
    elements.tags(key, data, on_outbox=partial(_take_in, workspace, scorecard, stage, who, verified, key))
    for sentence in (charts.win_sentence(own_tally.tally), own_tally.tally.basis, *state.troubles(key)):
        if sentence:
            note(sentence)
    return None


def _take_in(workspace: Workspace, scorecard: Scorecard, stage: str, who: str, verified: bool, key: str) -> None:
    stored, troubles = store(workspace, scorecard, stage, state.outbox(key), who=who, verified=verified)
    state.settle(key, stored=stored, troubles=troubles)


def store(
    workspace: Workspace,
    scorecard: Scorecard,
    stage: str,
    events: Sequence[Mapping[str, Json]],
    *,
    who: str,
    verified: bool,
) -> tuple[list[str], list[str]]:
    """Store events one by one, so that one that can't be stored holds up no other; give ids stored, and reasons."""
    stored: list[str] = []
    troubles: list[str] = []
    for event in events:
        try:
            workspace.failures.save_tags(
                scorecard.cascade, scorecard.run, stage, [event], viewer=who, verified=verified
            )
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(f"Not saved: {error}")
    return stored, list(dict.fromkeys(troubles))
