"""A view that shows itself in a notebook, and gives itself as a data frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from stagegap import charts

if TYPE_CHECKING:
    from stagegap.analysis.frames import Row
    from stagegap.exchange.frames import Frame

View = TypeVar("View")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown(Generic[View]):
    """A view of the store, with its headline and its figures as rows.

    `repr` is one line, a notebook draws the whole. Neither runs a script, and record texts are shown as text.
    """

    view: View
    """The typed view itself."""
    headline: str
    """The answer in one sentence."""
    sentences: tuple[str, ...] = ()
    rows: Sequence[Row]
    picture: Callable[[View], str] | None = None
    """Draws the view where it has a chart of its own; otherwise the rows are drawn as a table."""

    def to_frame(self) -> Frame:
        """The rows as a pandas frame. Raises: ConfigurationError without pandas."""
        from stagegap.exchange.frames import frame_of

        return frame_of(self.rows)

    def to_json(self) -> str:
        """The view as JSON text, as the command line prints it with `--json`."""
        from stagegap.analysis import codec

        return codec.to_json(self.view)

    def __repr__(self) -> str:
        return f"{self.headline} ({len(self.rows)} rows; .to_frame(), .view)"

    def _repr_html_(self) -> str:
        drawn = charts.figures_table(self.rows) if self.picture is None else self.picture(self.view)
        return charts.notebook_card(self.headline, self.sentences, drawn)
