"""The codebook from the terminal: what each code means, and define, rename, merge, split and retire for everybody."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.cli.options import CascadeOption, JsonOption, tools
from stagegap.errors import ConfigurationError

NameArgument = Annotated[str, typer.Argument(metavar="[CODE]", help="The code to change; without one, print the book.")]
ByOption = Annotated[str, typer.Option("--as", help="Your initials: who says so.")]
MeansOption = Annotated[str | None, typer.Option("--means", help="When the code is right.")]
ExampleOption = Annotated[str | None, typer.Option("--example", help="A case of it: words, or the id of a record.")]
SeverityOption = Annotated[str | None, typer.Option("--severity", help="minor, major or critical.")]
CostsOption = Annotated[str | None, typer.Option("--costs", help="What mending it takes, as '2 days'.")]
IntoOption = Annotated[
    str, typer.Option("--into", help="Its other name; one that is there already merges the two. With --record: a part.")
]
RecordOption = Annotated[list[str] | None, typer.Option("--record", help="Only this record goes --into; repeatable.")]
RetireOption = Annotated[bool, typer.Option("--retire", help="Take it out of the book.")]


@tools.command()
def code(
    name: NameArgument = "",
    by: ByOption = "",
    means: MeansOption = None,
    example: ExampleOption = None,
    severity: SeverityOption = None,
    costs: CostsOption = None,
    into: IntoOption = "",
    record: RecordOption = None,
    retire: RetireOption = False,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the codebook, or change one of its codes for everybody: its meaning, its name, some of its records."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace
    from stagegap.people.codebook import codebook_sheet

    meaning = {"definition": means, "example": example, "severity": severity, "cost": costs}
    meanings = {key: text for key, text in meaning.items() if text is not None}
    if bool(name) != bool(meanings or into or retire) or (name and not by) or bool(meanings) + bool(into) + retire > 1:
        raise ConfigurationError(
            "A CODE is changed by --as and one of: what it means (--means, --example, --severity, --costs), --into, "
            "--retire. Without a CODE the book is printed."
        )
    with workspace() as opened:
        cascade = cascade_name(opened, cascade)
        if meanings:
            opened.readings.define(cascade, by, name, meanings)
        elif retire:
            opened.readings.change(cascade, by, action="retire", tag=name)
        elif into:
            opened.readings.move(cascade, by, name, into, records=record or ())
        book = opened.readings.book(cascade)
    if as_json:
        return printed.print_view(book)
    printed.draw_sheet(codebook_sheet(book))
    return printed.advise("stagegap show codes")
