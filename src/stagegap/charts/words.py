"""Sentences of a verdict as they stand beside the charts."""

from __future__ import annotations

import re
from html import escape


def emphasised(text: str, *, stage: str | None) -> str:
    """A sentence of a verdict as HTML: percentages bold, and what comes from `stage` marked.

    >>> emphasised("56% good; 20 come from <a>.", stage="<a>")
    '<b>56%</b> good; <em>20 come from &lt;a&gt;</em>.'
    """
    html = re.sub(r"(?<![\w.])\d+%(?! interval)", lambda match: f"<b>{match[0]}</b>", escape(text))
    if stage is None:
        return html
    return re.sub(rf"(?<![\w.])\d+ comes? from {re.escape(escape(stage))}", r"<em>\g<0></em>", html, count=1)
