"""`python -m stagegap.ui [folder] [port]`: the app without the command line."""

import sys
from pathlib import Path

from stagegap.ui.server import serve

given = dict(enumerate(sys.argv))
serve(Path(given.get(1, ".")), port=int(given.get(2, "8501")))
