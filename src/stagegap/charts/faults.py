"""Where records go wrong first, which stages fail together, and what each reference step fixes and breaks."""

from __future__ import annotations

from html import escape

from stagegap.analysis.views import Scorecard
from stagegap.charts.marks import Scale, row, table
from stagegap.charts.sentences import first_faults_of
from stagegap.model.wording import sentence
from stagegap.tables import figures

ENOUGH = 10
"""Records below which a cell of the matrix prints its count only."""


def first_faults(scorecard: Scorecard) -> str:
    """Draw in how many bad records each stage was the first to go wrong."""
    total = first_faults_of(scorecard)
    if not total:
        return '<div class="bc"><p class="none">No stage went wrong first in any bad record.</p></div>'
    scale = Scale()
    rows = [
        row(
            head=stage.stage,
            says=f"first to go wrong in {stage.first_faults} of {total}.",
            drawing=f'{scale.grid()}<i class="bar mute" style="{scale.between(0, stage.first_faults / total)}"></i>'
            f'<span class="txt" style="{scale.left(stage.first_faults / total)}">{stage.first_faults} '
            f"<small>of {total}</small></span>",
        )
        for stage in scorecard.stages
    ]
    caption = "First stage to go wrong, in bad records"
    return f'<div class="bc">{table(kind="sl", caption=caption, rows=[*rows, scale.axis()], heading_width=32)}</div>'


def together(scorecard: Scorecard) -> str:
    """Draw how often a later stage is not acceptable when an earlier one is not."""
    names = [stage.stage for stage in scorecard.stages]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(sentence(name))}</th>'
        + "".join(_cell(scorecard.fault_matrix, i, j) for j in range(len(names)))
        + "</tr>"
        for i, name in enumerate(names)
    )
    return (
        '<div class="bc"><table class="mx"><caption class="sr">When the stage of the row fails, how often the stage '
        f'of the column fails too</caption><thead><tr><th scope="col">When this fails</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


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
        f'<tr><th scope="row">+ references at {escape(stage.stage)}</th><td>{stage.fixed}</td>'
        f"<td>{stage.broken}</td></tr>"
        for stage in scorecard.stages
    )
    return (
        '<div class="bc"><table class="mx"><caption class="sr">Records that each step fixes and breaks</caption><thead>'
        '<tr><th scope="col">Step</th><th scope="col">Became good</th><th scope="col">Became bad</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
