"""Numbers, signs and scripts that must not be taken for others."""

from __future__ import annotations

import pytest

from stagegap.metrics import metric
from stagegap.metrics.formulas import contains
from stagegap.model.answer import Answer


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("The fee is 2,500 euros.", "500 euros"),
        ("The fee is 2’500 euros.", "500 euros"),
        ("The fee is 2\u00a0500 euros.", "500 euros"),
        ("It weighs 10.5 kg.", "5 kg"),
        ("Below -5 degrees.", "5 degrees"),
        ("Below \u22125 degrees.", "5 degrees"),
        ("It costs $24.", "€24"),
        ("It costs -$24.", "$24"),
        ("It costs 24 €.", "24 $"),
        ("It costs 24€.", "$24"),
        ("1/2 cup", "2 cup"),
        ("½ cup", "2 cup"),
        ("10^5 units", "5 units"),
        ("10\u00b2 units", "102 units"),
        ("130 days", "30 days"),
        ("\U0001f44e", "\U0001f44d"),
    ],
)
def test_a_fact_is_not_found_inside_another(text: str, wording: str) -> None:
    assert not contains(text, wording)


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("It costs €24,90 now.", "24.90"),
        ("It costs 24,90 € now.", "24,90 €"),
        ("It costs $ 24.", "$24"),
        ("It costs 24 €.", "€24"),
        ("It costs 24 € 30.", "24 €"),
        ("½ cup", "1/2 cup"),
        ("on 01/05/2026", "2026"),
        ("24/7.5", "7.5"),
        ("About .5 litres", "0.5 litres"),
        ("10-20 days", "20 days"),
        ("on 2026-05-01", "2026-05-01"),
        ("Call (-5) \u22125", "-5"),
        ("GPT-4 says", "gpt-4"),
        ("It ends in 500.", "500"),
        ("คืนได้ภายใน 30 วันค่ะ", "30 วัน"),
        ("ພາສາລາວ", "ລາວ"),
        ("ភាសាខ្មែរ", "ខ្មែរ"),
        ("မြန်မာဘာသာ", "ဘာသာ"),
        ("Ver\u00adsand in 3 Tagen", "Versand in 3 Tagen"),
        ("\u0130stanbul", "istanbul"),
        ("Great \U0001f44d\U0001f3fd!", "\U0001f44d"),
        ("Acme® tents", "Acme tents"),
    ],
)
def test_a_fact_is_found_however_it_is_written(text: str, wording: str) -> None:
    assert contains(text, wording)


@pytest.mark.parametrize(
    ("text", "reference", "score"),
    [
        ("\U0001f44d", "\U0001f44e", 0.0), ("!!!", "???", 0.0), ("!!!", " !!! ", 1.0), ("C++", "C#", 0.4),
        ("C++", "c++", 1.0),
        ("-5", "5", 0.0), ("$5", "€5", 0.5), ("5%", "5", 2 / 3), ("**bold** text", "bold text", 1.0), ("", "", 1.0),
        ("# Title", "title", 1.0), ("a > b", "a < b", 2 / 3), (">5", "< 5", 0.5), ("x \u2260 y", "x = y", 2 / 3),
        ("24 €", "24 $", 0.5), ("<b>bold</b> text", "b bold b text", 1.0), ("> quoted", "quoted", 1.0),
    ],
)  # fmt: skip
def test_signs_count_where_they_make_another_word(text: str, reference: str, score: float) -> None:
    assert metric("token_f1").compare(text, Answer(value=reference)) == pytest.approx(score)
