"""Views that a small project does not have, shown in a notebook."""

from __future__ import annotations

from odd_noticing import EVIL, noticing, planted_screen
from stagegap.analysis.escalation import EscalationPoint, EscalationView
from stagegap.analysis.ledger import ledger
from stagegap.library.project import shown_as as shown_in_notebook
from stagegap.model.estimate import Estimate, unmeasured


def test_strange_things_are_drawn_without_the_words_of_records() -> None:
    shown = shown_in_notebook("oddities", noticing(planted_screen(), ("refused/draft/", "dismiss", "a test")))
    frame = shown.to_frame()
    assert frame.is_open.tolist() == [True, True, True, False]
    assert len(shown.rows) == 4
    drawn = shown._repr_html_()
    assert "Agreement too low" in drawn
    assert EVIL not in drawn
    assert "tracker.invalid" not in drawn


def test_curve_of_escalation_is_a_frame_with_intervals() -> None:
    some = Estimate(value=0.5, low=0.4, high=0.6, n=90, method="bootstrap")
    point = EscalationPoint(
        share=0.1, threshold=0.4, score=some, cost=some, gain=some, extra=unmeasured("the first point")
    )
    view = EscalationView(
        cascade="mail", run="v1", cheap="quick", strong="careful", metric="accuracy", n=90, now=0.2, points=(point,),
        note="",
    )  # fmt: skip
    shown = shown_in_notebook("escalation", view)
    assert shown.headline == "quick, and careful where it is unsure: accuracy over 90 records of v1"
    frame = shown.to_frame()
    assert frame.figure.tolist() == ["score", "gain", "dollars a record", "extra dollars a record"]
    assert frame.low.tolist()[:2] == [0.4, 0.4]
    assert ">50% (40 to 60)</td>" in shown._repr_html_()


def test_empty_ledger_has_its_sentence() -> None:
    shown = shown_in_notebook("ledger", ledger("mail", []))
    assert shown.headline == "Nothing was expected yet. Write it down before the next change."
    assert "Nothing was expected yet." in shown._repr_html_()
