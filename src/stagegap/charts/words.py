"""Numbers as they stand on a chart: whole per cent and whole points, with a true minus sign."""

from __future__ import annotations

import re
from html import escape

from stagegap.analysis import rounding
from stagegap.model.estimate import Estimate


def percent(share: float) -> str:
    """Give a share as whole per cent.

    >>> percent(0.565)
    '57%'
    """
    return minus(f"{rounding.percent(share)}%")


def points(difference: float) -> str:
    """Give a difference of shares as whole points with its sign.

    >>> points(0.2), points(-0.04), points(0.001)
    ('+20', '−4', '0')
    """
    return signed(rounding.percent(difference))


def signed(whole: int) -> str:
    """Give whole points with their sign, 0 without one."""
    return minus(f"{whole:+d}") if whole else "0"


def minus(text: str) -> str:
    """Give the text with true minus signs for its hyphens."""
    return text.replace("-", "−")


def span(estimate: Estimate) -> str:
    """Give the interval of an estimate in whole per cent or points.

    >>> span(Estimate(value=0.2, low=-0.01, high=0.24, n=9, method="x"))
    '−1 to 24'
    """
    return minus(f"{rounding.percent(estimate.low)} to {rounding.percent(estimate.high)}")


def dollars(amount: float) -> str:
    """Give an amount with two digits that count.

    >>> dollars(0.00123), dollars(0.5), dollars(1234.5)
    ('$0.0012', '$0.50', '$1,234.50')
    """
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${float(f'{amount:.1e}'):.10f}".rstrip("0")


def emphasised(text: str, *, stage: str | None) -> str:
    """Give a sentence of a verdict as HTML: percentages bold, and what comes from `stage` marked.

    >>> emphasised("56% good; 20 come from <a>.", stage="<a>")
    '<b>56%</b> good; <em>20 come from &lt;a&gt;</em>.'
    """
    html = re.sub(r"(?<![\w.])\d+%(?! interval)", lambda found: f"<b>{found[0]}</b>", escape(text))
    if stage is None:
        return html
    return re.sub(rf"(?<![\w.])\d+ comes? from {re.escape(escape(stage))}", r"<em>\g<0></em>", html, count=1)
