"""Columns of a query put at the positions of their records."""

from __future__ import annotations

# The arrays have the types of the columns, which each query names.
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


def plain(column: Column, blank: float) -> Column:
    """Put a value in the place of nulls."""
    return column.filled(blank) if isinstance(column, np.ma.MaskedArray) else column


def placed(at: Column, values: Column, blank: Column) -> Column:
    """Put values at their positions in `blank`, which says what stands elsewhere and in the place of nulls."""
    fill = blank[0] if len(blank) else 0
    blank[plain(at, 0).astype(np.int64)] = plain(values, fill)
    return blank


def floats(at: Column, values: Column, *, n: int) -> Column:
    """Put values at their positions, NaN elsewhere."""
    return placed(at, values, np.full(n, np.nan))
