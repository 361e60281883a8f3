"""The script that the browser tests serve: the pages on the fake workspace in STAGEGAP_APP_FOLDER."""

import os
from pathlib import Path

from stagegap.ui import server, shell
from ui import views
from ui.fake_workspace import FakeWorkspace


def opened(folder: Path) -> FakeWorkspace:
    kind = os.environ.get("FAKE_SCORECARD", "scorecard")
    return FakeWorkspace(folder=folder, shown=None if kind == "none" else getattr(views, kind)())


shell.show(opened, Path(os.environ[server.FOLDER]), only_label=os.environ.get(server.PAGES) == "label")
