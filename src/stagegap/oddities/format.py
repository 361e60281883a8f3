"""Inconsistent format or language: what should always look alike, and does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from stagegap.model.answer import Status
from stagegap.model.cascade import WRITTEN, Kind
from stagegap.oddities.card import Detector, Family, Finding, beyond, figure, occurrence, places, share_of
from stagegap.oddities.columns import Floats, RunColumns, StageColumns
from stagegap.stats.intervals import wilson_of
from stagegap.stats.paired import sign_flip_p

_LISTS = {
    "en": """the and is are was of to that this with for you your have has not it we our i my will can be from would
        please they what when there""",
    "de": """der die das und ist sind war nicht mit für sie ihr ihre haben hat wir unser ich mein wird kann ein eine
        einen den dem von zu auf bitte auch sich es bei wie""",
    "fr": """le la les et est sont pas avec pour vous votre avez nous notre je mon une des du que qui dans sur ce cette
        au merci il elle ne""",
    "es": """el los las y es son no con para usted su tiene nosotros nuestro yo mi una del que en por esta este gracias
        lo como más pero""",
    "it": """il gli e è sono non con per lei suo ha noi nostro io mio una del della che di grazie questo questa nel
        anche più ma come""",
    "nl": """het en is zijn niet met voor u uw heeft wij onze ik mijn een van te op dat deze naar maar ook bij wordt
        kan graag""",
    "pt": """o os as e é são não com para você seu tem nós nosso eu meu uma do da que em por esta este obrigado mais
        mas como ao""",
}
WORDS: Mapping[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in _LISTS.items()}
SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
)
_WORD = re.compile(r"[^\W\d_]+")
FEWEST_HITS = 3
MARGIN = 2.0
LONGEST = 2_000
"""Characters that are looked at."""


def language(text: str) -> str:
    """The language as two letters, empty where it is not plain.

    By script where a fifth of the letters are in it; otherwise at least three of a language's commonest words, and
    twice as many as of any other.

    >>> language("Where is the parcel that you sent to me? I have not seen it."), language("ok")
    ('en', '')
    """
    start = text[:LONGEST]
    letters = sum(character.isalpha() for character in start)
    for name, script in SCRIPTS:
        if letters and 5 * len(script.findall(start)) >= letters:
            return name
    words = [word.lower() for word in _WORD.findall(start)]
    hits = sorted(((sum(word in known for word in words), name) for name, known in WORDS.items()), reverse=True)
    (most, name), (second, _) = hits[0], hits[1]
    return name if most >= FEWEST_HITS and most >= MARGIN * second else ""


RARE = 0.01
"""So often a format may fail before it is odd."""
SECOND = 0.02
"""So often another form may occur before it is odd."""
WAVERING = 0.05
"""So often a repeated call may answer otherwise before it is odd."""
MISTAKEN = 0.02
"""So often the language of a text may be mistaken."""
MOSTLY_ENDED = 0.8
"""Texts end with a sentence's sign at this share at least, where one without is taken to be cut."""
FEWEST_TEXTS = 20


def _unparsable(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        hits = stage.has(Status.UNPARSABLE)
        yield beyond(run, stage.name, hits, RARE, f"{stage.name} gave no answer of its type on {{found}}.")


def _repaired(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        hits = stage.has(Status.REPAIRED)
        words = f"{stage.name} had to be mended on {{found}}.{_both_ways(run, stage, hits)}"
        yield beyond(run, stage.name, hits, RARE, words)


def _both_ways(run: RunColumns, stage: StageColumns, mended: Floats) -> str:
    """Say the score with mended answers as they are now, and as what came: not usable."""
    if not np.nansum(mended) or not (~np.isnan(stage.score)).any():
        return ""
    after, before = wilson_of(stage.good, run.units), wilson_of(np.where(mended == 1, 0.0, stage.good), run.units)
    return f" Acceptable after mending {figure(after)}, as it came {figure(before)}."


def _refused(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        yield beyond(run, stage.name, stage.has(Status.REFUSED), RARE, f"{stage.name} refused {{found}}.")


def _empty(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        if stage.kind in WRITTEN:
            hits = np.where(np.isnan(stage.size), np.nan, (stage.size == 0).astype(np.float64))
            yield beyond(run, stage.name, hits, RARE, f"{stage.name} answered with an empty text on {{found}}.")


def _cut(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        known = ~np.isnan(stage.cut)
        if known.sum() >= FEWEST_TEXTS and float(stage.cut[known].mean()) <= 1 - MOSTLY_ENDED:
            words = f"The text of {stage.name} breaks off on {{found}}; elsewhere it ends with a sentence."
            yield beyond(run, stage.name, stage.cut, RARE, words, order=stage.size)


def _shapes(run: RunColumns) -> Iterator[Finding | None]:
    """Find the commonest other form of an answer."""
    for stage in run.stages.values():
        known = stage.shape >= 0
        counts = np.bincount(stage.shape[known], minlength=len(stage.shapes))
        if known.sum() < FEWEST_TEXTS:
            continue
        usual, *others = np.argsort(-counts, kind="stable").tolist()
        other = others[0] if others else -1
        hits = np.where(known, (stage.shape != usual).astype(np.float64), np.nan)
        seen = f", most often {stage.shapes[other]}" if others and counts[other] else ""
        words = f"{stage.name} answered in another form than {stage.shapes[usual]} on {{found}}{seen}."
        yield beyond(run, stage.name, hits, SECOND, words)


def _outside(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        if stage.kind is Kind.LABEL:
            yield occurrence(
                run, stage.name, stage.outside, f"{stage.name} answered outside its declared set on {{found}}."
            )


def _foreign(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        words = f"{stage.name} answered in another language than its input on {{found}}."
        yield beyond(run, stage.name, stage.foreign, MISTAKEN, words)


def _unstable(run: RunColumns) -> Iterator[Finding | None]:
    for stage in run.stages.values():
        words = f"Asked again with the same input, {stage.name} answered otherwise on {{found}}."
        yield beyond(run, stage.name, stage.unstable, WAVERING, words)


def _drift(run: RunColumns) -> Iterator[Finding]:
    """Compare how often each form occurs with the run before, on the same records, the settings being the same."""
    if run.earlier is None:
        return
    for name in sorted(run.earlier.unchanged & set(run.stages)):
        for hits, before, what in _formats(run.stages[name], run.earlier.stages[name]):
            moved = hits - before
            both = ~np.isnan(moved)
            if both.sum() < FEWEST_TEXTS:
                continue
            now, was = (wilson_of(np.where(both, flags, np.nan), run.units) for flags in (hits, before))
            yield Finding(
                stage=name,
                subject=what,
                statistic=now,
                scale="share",
                p=sign_flip_p(moved, run.units, rng=run.rng()),
                sentence=f"{name}: {what} on {share_of(now, int(hits[both].sum()), run.cascade.noun)}; in run "
                f"{run.earlier.run}, with the same settings and records, {figure(was)}.",
                positions=places(np.abs(moved)),
                count=int(np.nansum(np.abs(moved))),
            )


def _formats(now: StageColumns, then: StageColumns) -> Iterator[tuple[Floats, Floats, str]]:
    yield now.has(Status.UNPARSABLE, Status.REPAIRED), then.has(Status.UNPARSABLE, Status.REPAIRED), "not as declared"
    if len(now.shapes) > 1 or len(then.shapes) > 1:
        usual = then.shapes[int(np.bincount(then.shape[then.shape >= 0]).argmax())] if (then.shape >= 0).any() else ""
        yield _other_than(usual, now), _other_than(usual, then), "another form than usual"


def _other_than(usual: str, stage: StageColumns) -> Floats:
    place = stage.shapes.index(usual) if usual in stage.shapes else -2
    return np.where(stage.shape >= 0, (stage.shape != place).astype(np.float64), np.nan)


DETECTORS = (
    Detector(
        name="unparsable", family=Family.FORMAT, title="Answers that are not of their type",
        rule="more than 1% of the answers could not be read as the declared type",
        why="A stage that knows its format keeps to it; what could not be read counts as wrong.", look=_unparsable,
    ),
    Detector(
        name="repaired", family=Family.FORMAT, title="Answers that had to be mended",
        rule="more than 1% of the answers needed mending: fences, prose around JSON, broken quotes",
        why="Mending hides that the format is not kept; another reader of the same answer may fail.", look=_repaired,
    ),
    Detector(
        name="refused", family=Family.FORMAT, title="Refusals", rule="more than 1% of the calls were refused",
        why="The question is the same for every record; a refusal says that some inputs set it off.", look=_refused,
    ),
    Detector(
        name="empty", family=Family.FORMAT, title="Empty texts", rule="more than 1% of the texts are empty",
        why="An empty answer often is a failure that nobody named.", look=_empty,
    ),
    Detector(
        name="cut", family=Family.FORMAT, title="Texts that break off",
        rule="at least 80% of the texts of over 40 characters end with a sentence's sign, and more than 1% do not",
        why="A text that stops in the middle usually met a limit of length.", look=_cut,
    ),
    Detector(
        name="shapes", family=Family.FORMAT, title="Several forms of the same answer",
        rule="more than 2% of the answers have another form than the usual one: keys and types, fences, opening words",
        why="One prompt should give one form; a second one is a second habit that later stages have to bear.",
        look=_shapes,
    ),
    Detector(
        name="outside", family=Family.FORMAT, title="Labels outside the set",
        rule="any answer that is none of the declared values",
        why="The set is closed: nobody downstream knows what this means.", look=_outside,
    ),
    Detector(
        name="foreign", family=Family.FORMAT, title="Another language than the input",
        rule="more than 2% of the texts whose language is plain are in another one than their input, and labellers did "
        "not answer in it either",
        why="Nobody asked for a translation.", look=_foreign,
    ),
    Detector(
        name="unstable", family=Family.FORMAT, title="Asked twice, answered twice",
        rule="more than 5% of the records that were asked repeatedly got different answers",
        why="A score of such a stage moves without anybody having changed anything.", look=_unstable,
    ),
    Detector(
        name="drift", family=Family.FORMAT, title="The format drifts between runs",
        rule="the share of answers of another form differs from the run before, with the same settings",
        why="The settings are the same, so something outside them changed: a model behind a name, a service.",
        look=_drift,
    ),
)  # fmt: skip
