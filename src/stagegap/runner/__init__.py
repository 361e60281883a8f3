"""Which calls a run needs, and making them. Others import from here; most names come when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagegap.faces import handed_out

# Modules have these names, too: what is asked for must be the function, whoever imported the module.
from stagegap.runner.execute import execute
from stagegap.runner.plan import plan

if TYPE_CHECKING:
    from stagegap.runner.budget import Budget, counted, is_paid, paid_stages
    from stagegap.runner.cases import given_output, repeats_of, scope_of
    from stagegap.runner.engines import Choice, spread
    from stagegap.runner.options import INTERRUPTED, RunOptions, Stop
    from stagegap.runner.plan import Plan, PlannedCell, PlannedStage, forecast, plan_several, span
    from stagegap.runner.prepare import (
        CUSTOM,
        Materials,
        WorkerRecipe,
        cell_works,
        custom_metrics,
        given_answers,
        metric_functions,
        read_corpora,
        read_materials,
        refusals,
        seen_inputs,
        stage_codes,
    )
    from stagegap.runner.progress import Progress, Silent, progress_on, table
    from stagegap.runner.queues import (
        Asking,
        Hunt,
        after_queue,
        asking_about,
        drawn_queue,
        hunting_queue,
        judging_queue,
        next_queue,
        overlap_queue,
        random_queue,
        verdict_queue,
        was_asked,
    )
    from stagegap.runner.work import (
        Announce,
        Basis,
        Cache,
        CellSummary,
        CellWork,
        Sink,
        Summary,
        Tally,
        Work,
        identities,
        unchanged,
    )

__all__ = [
    "CUSTOM",
    "INTERRUPTED",
    "Announce",
    "Asking",
    "Basis",
    "Budget",
    "Cache",
    "CellSummary",
    "CellWork",
    "Choice",
    "Hunt",
    "Materials",
    "Plan",
    "PlannedCell",
    "PlannedStage",
    "Progress",
    "RunOptions",
    "Silent",
    "Sink",
    "Stop",
    "Summary",
    "Tally",
    "Work",
    "WorkerRecipe",
    "after_queue",
    "asking_about",
    "cell_works",
    "counted",
    "custom_metrics",
    "drawn_queue",
    "execute",
    "forecast",
    "given_answers",
    "given_output",
    "hunting_queue",
    "identities",
    "is_paid",
    "judging_queue",
    "metric_functions",
    "next_queue",
    "overlap_queue",
    "paid_stages",
    "plan",
    "plan_several",
    "progress_on",
    "random_queue",
    "read_corpora",
    "read_materials",
    "refusals",
    "repeats_of",
    "scope_of",
    "seen_inputs",
    "span",
    "spread",
    "stage_codes",
    "table",
    "unchanged",
    "verdict_queue",
    "was_asked",
]

_HOMES = {
    "stagegap.runner.budget": (
        "Budget",
        "counted",
        "is_paid",
        "paid_stages",
    ),
    "stagegap.runner.cases": (
        "given_output",
        "repeats_of",
        "scope_of",
    ),
    "stagegap.runner.engines": (
        "Choice",
        "spread",
    ),
    "stagegap.runner.options": (
        "INTERRUPTED",
        "RunOptions",
        "Stop",
    ),
    "stagegap.runner.plan": (
        "Plan",
        "PlannedCell",
        "PlannedStage",
        "forecast",
        "plan_several",
        "span",
    ),
    "stagegap.runner.prepare": (
        "CUSTOM",
        "Materials",
        "WorkerRecipe",
        "cell_works",
        "custom_metrics",
        "given_answers",
        "metric_functions",
        "read_corpora",
        "read_materials",
        "refusals",
        "seen_inputs",
        "stage_codes",
    ),
    "stagegap.runner.progress": (
        "Progress",
        "Silent",
        "progress_on",
        "table",
    ),
    "stagegap.runner.queues": (
        "Asking",
        "Hunt",
        "after_queue",
        "asking_about",
        "drawn_queue",
        "hunting_queue",
        "judging_queue",
        "next_queue",
        "overlap_queue",
        "random_queue",
        "verdict_queue",
        "was_asked",
    ),
    "stagegap.runner.work": (
        "Announce",
        "Basis",
        "Cache",
        "CellSummary",
        "CellWork",
        "Sink",
        "Summary",
        "Tally",
        "Work",
        "identities",
        "unchanged",
    ),
}
__getattr__ = handed_out(__name__, _HOMES)
