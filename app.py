"""`streamlit run app.py`: the app on the workspace in this folder. `stagegap app` does the same."""

from pathlib import Path

from stagegap.ui.shell import show
from stagegap.workspace import Workspace

show(Workspace.open, Path(__file__).parent)
