"""What Streamlit runs for `stagegap app`: the workspace that `serve` named."""

import os
from pathlib import Path

from stagegap.ui import server, shell
from stagegap.workspace import Workspace

shell.show(Workspace.open, Path(os.environ[server.FOLDER]), only_label=os.environ.get(server.PAGES) == "label")
