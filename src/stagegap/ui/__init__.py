"""Pages: read input, one call on the workspace, draw the view."""

from stagegap.ui.server import ADDRESS, serve

__all__ = ["ADDRESS", "serve"]
