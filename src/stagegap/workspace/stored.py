"""Names of the views that a run keeps in the store."""

SCORECARD = "scorecard"
NEED = "need"
"""Which labels to make next."""
OPTIONS = "options"
"""What a run was told besides its file."""
BASIS = "basis"
"""What its outputs rest on, so that a later run knows which of them still stand."""
