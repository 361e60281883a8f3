"""The screen for what experienced people notice: detectors over the columns of a run, and the cards they give."""
