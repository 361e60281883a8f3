"""How each view shows itself in a notebook: headline, sentences, rows, and chart where it has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from stagegap import charts, registry

if TYPE_CHECKING:
    from stagegap.exchange.frames import Frame
    from stagegap.tables.table import Row, Sheet

View = TypeVar("View")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown(Generic[View]):
    """A view of the store, with what it says as sentences and tables.

    `repr` is one line, a notebook draws the whole. Neither runs a script, and record texts are shown as text.
    """

    view: View
    """The typed view itself."""
    sheet: Sheet
    """What it says: the same on a terminal, in a file and here."""
    picture: str = ""
    """Its charts as HTML; empty where its tables are drawn."""

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        return self.sheet.headline

    @property
    def sentences(self) -> tuple[str, ...]:
        """What stands behind the answer."""
        return self.sheet.sentences

    @property
    def rows(self) -> Sequence[Row]:
        """Every figure, one a row."""
        return self.sheet.rows()

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
        return charts.notebook_card(self.sheet, picture=self.picture)


def shown_as(name: str, view: View, **context: str) -> Shown[View]:
    """A view of the registry, ready to show itself."""
    entry = registry.view(name)
    sheet = entry.sheet(view, **context)
    return Shown(view=view, sheet=sheet, picture=entry.picture(view) if sheet.tables else "")
