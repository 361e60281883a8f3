"""Views as pictures: marks as data, from which a chart is drawn as an HTML table whose marks stand by per cent.

A screen reader reads its rows and numbers, Ctrl-F finds them, a printer prints them, and app and report show the same
string. No function here computes a statistic; every value that comes from outside is escaped.
"""

from stagegap.charts.compare import (
    answers_of_both,
    change_list,
    changed_record,
    changes,
    flip_table,
    flips,
    ledger,
    settings,
    worst_list,
)
from stagegap.charts.failures import (
    failure_list,
    failures,
    groups,
    list_sentence,
    record_blocks,
    tag_share,
    tag_win,
    win_sentence,
)
from stagegap.charts.faults import first_faults, steps, together
from stagegap.charts.gap import both_gains, ceiling, contributions, contributions_note, gap
from stagegap.charts.marks import style, style_of
from stagegap.charts.oddities import (
    certainty,
    change,
    checks,
    judged,
    oddities_without_words,
    oddity_list,
    oddity_plot,
    oddity_records,
    trials,
)
from stagegap.charts.people import agreement, decisions, label_histories, own_labels
from stagegap.charts.runs import best_so_far, knob_title, outcomes_of_runs, rank, runs_table, scatter, variants
from stagegap.charts.sentences import (
    WHICH,
    emphasised,
    failures_sentence,
    first_fault_sentence,
    groups_note,
    lost_anyway,
    method,
    notices,
    one_order,
    which_number,
)
from stagegap.charts.sheets import notebook_card, sheet_html, tables_html, template
from stagegap.charts.vega import vega

__all__ = [
    "WHICH",
    "agreement",
    "answers_of_both",
    "best_so_far",
    "both_gains",
    "ceiling",
    "certainty",
    "change",
    "change_list",
    "changed_record",
    "changes",
    "checks",
    "contributions",
    "contributions_note",
    "decisions",
    "emphasised",
    "failure_list",
    "failures",
    "failures_sentence",
    "first_fault_sentence",
    "first_faults",
    "flip_table",
    "flips",
    "gap",
    "groups",
    "groups_note",
    "judged",
    "knob_title",
    "label_histories",
    "ledger",
    "list_sentence",
    "lost_anyway",
    "method",
    "notebook_card",
    "notices",
    "oddities_without_words",
    "oddity_list",
    "oddity_plot",
    "oddity_records",
    "one_order",
    "outcomes_of_runs",
    "own_labels",
    "rank",
    "record_blocks",
    "runs_table",
    "scatter",
    "settings",
    "sheet_html",
    "steps",
    "style",
    "style_of",
    "tables_html",
    "tag_share",
    "tag_win",
    "template",
    "together",
    "trials",
    "variants",
    "vega",
    "which_number",
    "win_sentence",
    "worst_list",
]
