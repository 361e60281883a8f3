"""`streamlit run app.py`: the app on the workspace in this folder, as `stagegap app` serves it."""

from pathlib import Path

from streamlit import App

from stagegap.ui import server

app = App(server.SCRIPT, **server.mounted(Path(__file__).parent))
