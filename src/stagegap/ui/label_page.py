"""The Label page: what would a person answer from the same inputs? Blind: it reads the queue and nothing else."""

from __future__ import annotations

import streamlit


def draw(workspace) -> None:
    streamlit.title("soon")
