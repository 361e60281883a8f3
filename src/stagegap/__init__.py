"""stagegap: which stage of the cascade holds you back, against people?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagegap.library import Project, Shown
    from stagegap.library import open_project as open
    from stagegap.metrics.texts import matched_claims
    from stagegap.model.answer import Attempt
    from stagegap.stages.protocol import Answered, Unavailable, batch
    from stagegap.workspace import Workspace

__all__ = ["Answered", "Attempt", "Project", "Shown", "Unavailable", "Workspace", "batch", "matched_claims", "open"]

_HOMES = {
    "Answered": "stagegap.stages.protocol:Answered",
    "Attempt": "stagegap.model.answer:Attempt",
    "Project": "stagegap.library:Project",
    "Shown": "stagegap.library:Shown",
    "Unavailable": "stagegap.stages.protocol:Unavailable",
    "Workspace": "stagegap.workspace:Workspace",
    "batch": "stagegap.stages.protocol:batch",
    "matched_claims": "stagegap.metrics.texts:matched_claims",
    "open": "stagegap.library:open_project",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that `import stagegap` costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'stagegap' has no attribute {name!r}")
    home, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(home), attribute)
