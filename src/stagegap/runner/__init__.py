"""Which calls a run needs, and making them."""

from stagegap.runner.budget import Budget
from stagegap.runner.execute import execute
from stagegap.runner.options import RunOptions, Stop
from stagegap.runner.plan import Plan, PlannedCell, PlannedStage, forecast, plan
from stagegap.runner.progress import Progress, Silent, progress_on
from stagegap.runner.work import Cache, CellSummary, CellWork, Sink, Summary, Tally, Work

__all__ = [
    "Budget",
    "Cache",
    "CellSummary",
    "CellWork",
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
    "execute",
    "forecast",
    "plan",
    "progress_on",
]
