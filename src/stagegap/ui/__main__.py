"""`python -m stagegap.ui [folder] [port]`: the app without the command line."""

import sys
from pathlib import Path

from stagegap.ui.server import serve

folder, port = [*sys.argv[1:], *[".", "8501"][len(sys.argv) - 1 :]][:2]
serve(Path(folder), port=int(port))
