"""stagegap: which stage of the cascade holds you back, against people?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagegap.stages.answered import Answered, batch
    from stagegap.workspace import Workspace

__all__ = ["Answered", "Workspace", "batch"]

_HOMES = {
    "Answered": "stagegap.stages.answered",
    "Workspace": "stagegap.workspace",
    "batch": "stagegap.stages.answered",
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for, so that `import stagegap` costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'stagegap' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
