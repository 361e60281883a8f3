"""The script that the browser tests serve: the pages on the fake workspace in STAGEGAP_APP_FOLDER."""

import os
from pathlib import Path

from stagegap.ui import server, shell
from ui import views
from ui.fake_workspace import FakeWorkspace

KIND = os.environ.get("FAKE_SCORECARD", "scorecard")

shell.show(
    FakeWorkspace(folder=Path(os.environ[server.FOLDER]), shown=getattr(views, KIND)() if KIND != "none" else None),
    only_label=os.environ.get(server.PAGES) == "label",
)
