"""Pages: read input, one call on the workspace, draw the view."""

from stagegap.ui.access import Access
from stagegap.ui.server import ADDRESS, serve

__all__ = ["ADDRESS", "Access", "serve"]
