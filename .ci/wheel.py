"""What a wheel holds beside the package: the demo. An editable install finds it in the clone and gets no copy."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PARTS = ("pipelines/support_email", "data/support_email")


class Demo(BuildHookInterface[Any]):  # Any: the builder's own settings
    """Puts the demo into `stagegap/demo` of a wheel that is to be installed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folders; `version` is `editable` for a clone."""
        if version != "editable":
            build_data["force_include"].update({part: f"stagegap/demo/{part}" for part in PARTS})
