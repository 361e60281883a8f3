"""Where records go wrong first, which stages fail together, and what correcting each stage fixes and breaks."""

from __future__ import annotations

from stagegap.analysis.views import Scorecard, StageRow
from stagegap.charts.content import column_heads, scroll_table
from stagegap.charts.marks import Chart, Row, between, breakable
from stagegap.charts.sentences import first_faults_of
from stagegap.model.wording import sentence
from stagegap.tables import figures

ENOUGH = 10
"""Records below which a cell of the matrix prints its count only."""


def first_faults_chart(scorecard: Scorecard) -> Chart:
    """In how many bad records each stage was the first to go wrong."""
    total = first_faults_of(scorecard)
    rows = tuple(_first_row(stage, total) for stage in scorecard.stages) if total else ()
    return Chart(
        kind="sl",
        caption="First stage to go wrong, in bad records",
        rows=rows,
        empty="No stage went wrong first in any bad record.",
    )


def first_faults(scorecard: Scorecard) -> str:
    """Draw in how many bad records each stage was the first to go wrong."""
    return first_faults_chart(scorecard).html()


def _first_row(stage: StageRow, total: int) -> Row:
    return Row(
        head=stage.stage,
        says=f"first to go wrong in {stage.first_faults} of {total}.",
        marks=(between("bar", (0.0, stage.first_faults / total), tone="mute", role="first faults"),),
        end=(f"{stage.first_faults}", f"of {total}"),
    )


def together(scorecard: Scorecard) -> str:
    """Draw how often a later stage is not acceptable when an earlier one is not."""
    names = [stage.stage for stage in scorecard.stages]
    heads = column_heads("When this fails") + "".join(f'<th scope="col">{breakable(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{breakable(sentence(name))}</th>'
        + "".join(_cell(scorecard.fault_matrix, i, j) for j in range(len(names)))
        + "</tr>"
        for i, name in enumerate(names)
    )
    caption = "When the stage of the row fails, how often the stage of the column fails too"
    return scroll_table(heads, rows, caption=caption, table="mx", label="Which stages fail together", box="scroll wide")


def _cell(matrix: tuple[tuple[int, ...], ...], i: int, j: int) -> str:
    if j < i:
        return "<td></td>"
    count, failed = matrix[i][j], matrix[i][i]
    if i == j:
        return f"<td><b>{failed}</b> <small>failures</small></td>"
    if failed < ENOUGH:
        return f"<td>{count} <small>of {failed}</small></td>"
    share = count / failed
    return (
        f'<td><i class="shade" style="opacity:{0.35 * share:.2f}"></i><b>{figures.share(share)}</b> '
        f"<small>({count} of {failed})</small></td>"
    )


def steps(scorecard: Scorecard) -> str:
    """Draw, per stage, how many records its references make good and how many bad."""
    rows = "".join(
        f'<tr><th scope="row">+ {breakable(stage.stage)} corrected</th><td>{stage.fixed}</td>'
        f"<td>{stage.broken}</td></tr>"
        for stage in scorecard.stages
    )
    return (
        '<div class="bc"><table class="mx"><caption class="sr">Records that each step fixes and breaks</caption><thead>'
        '<tr><th scope="col">Step</th><th scope="col">Became good</th><th scope="col">Became bad</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
