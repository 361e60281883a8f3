"""Pages: read input, one call on the workspace, draw the view."""
