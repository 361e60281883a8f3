"""Which metrics fit which type of output, as far as a file shows it."""

from __future__ import annotations

from stagegap.errors import near_names
from stagegap.metrics import metric, names_for
from stagegap.model.cascade import Kind


def default_for(kind: Kind, *, k: int | None) -> str:
    """The metric of a stage that names none: the first of its type that needs no number, or recall@k."""
    if kind is Kind.RANKING and k is not None:
        return f"recall@{k}"
    return next(name for name in names_for(kind) if "@" not in name)


def mismatch(name: str, kind: Kind, *, k: int | None) -> tuple[str, str] | None:
    """Say why a metric does not fit a type of output, and what would; None when it fits."""
    if name.startswith("python:"):
        return None
    base, at, number = name.partition("@")
    fitting = names_for(kind)
    if base not in [known.partition("@")[0] for known in fitting]:
        return f"the metric {name!r} does not fit an output of type {kind}.", near_names(name, fitting)
    try:
        metric(name)
    except ValueError as error:
        return f"{error}.", ""
    if kind is Kind.RANKING and at and k is not None and int(number) > k:
        return f"the metric {name!r} looks at more ids than the output holds, k: {k}.", f"Write {base}@{k}."
    return None
