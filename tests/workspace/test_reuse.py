"""A run that takes over what has not changed is the same run as one that looks every call up."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from runner.making import LABEL, TEXT, Build
from stagegap.model.answer import Answer, Label, Output
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell, Run, RunStatus
from stagegap.people.references import Settled, settle
from stagegap.runner import CellWork, Silent, Work, execute
from stagegap.runner.plan import plan
from stagegap.runner.prepare import given_answers
from stagegap.runner.work import Basis, identities
from stagegap.store import Store
from stagegap.workspace.execution import with_carries
from stagegap.workspace.provenance import labels_digest
from stagegap.workspace.run_facts import put_basis

SWAPPED = Cell("reference", ("size",))
TEXTS = ("abcd", "ab", "bad", "abcde", "a")
CODE = {
    "size": "return {}[text] if text == 'bad' else 'long' if len(text) > 3 else 'short'",
    "loud": "return text.upper()",
    "reply": "return f'{loud} is {size}'",
}


@dataclass
class Counted:
    """A store as cache, with the number of keys that it was asked for."""

    store: Store
    asked: int = 0

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        self.asked += len(keys)
        return self.store.cached(keys)


@dataclass
class History:
    """One project on its way, run in a store that takes over and in one that does not."""

    folder: Path
    carrying: Store
    plain: Store
    texts: list[str] = field(default_factory=lambda: list(TEXTS))
    code: dict[str, str] = field(default_factory=lambda: dict(CODE))
    when: str | None = None
    repeats: int = 1
    labels: list[Label] = field(default_factory=list)
    runs: int = 0

    def run(self, *, fresh: Sequence[str] = (), kept: slice = slice(None)) -> tuple[int, int]:
        """Run in both stores; give the calls, and the keys that were looked up where outputs are taken over."""
        work = self._work(frozenset(fresh), kept)
        calls, _ = self._execute(self.plain, work)
        mine, asked = self._execute(self.carrying, work)
        assert mine == calls
        assert rows(self.carrying, work.run) == rows(self.plain, work.run)
        return mine, asked

    def _work(self, fresh: frozenset[str], kept: slice) -> Work:
        self.runs += 1
        folder = self.folder / str(self.runs)
        folder.mkdir()
        build = Build(folder)
        for name, names in (("size", "text"), ("loud", "text"), ("reply", "size, loud")):
            (folder / f"{name}.py").write_text(f"def {name}({names}):\n    {self.code[name]}\n")
        build.add("size", "python", "text", LABEL, {"function": "size.py:size"})
        build.add("loud", "python", "text", TEXT, {"function": "loud.py:loud"}, when=self.when, repeats=self.repeats)
        build.add("reply", "python", "size=size loud=loud", TEXT, {"function": "reply.py:reply"})
        given = given_answers(settle(self.labels, build.cascade))
        cells = (CellWork(), CellWork(cell=SWAPPED, given={"size": given.get("size", {})}, wants=("reply",)))
        return replace(build.work(self.records[kept], *cells, run=str(self.runs)), fresh=fresh)

    @property
    def records(self) -> list[Record]:
        return [Record(id=f"r{n}", fields={"text": text}) for n, text in enumerate(self.texts)]

    def _execute(self, store: Store, work: Work) -> tuple[int, int]:
        store.create_run(
            Run(
                id=work.run,
                name="",
                cascade="c",
                fingerprint="",
                resolved="{}",
                status=RunStatus.RUNNING,
                started_at=0.0,
            )
        )
        digest = store.put_records("c", self.records).digest
        store.origins.keep_records("c", digest, self.records)
        if store is self.carrying:
            basis = Basis(
                stages=identities(work.cascade, work.codes, {}),
                records=digest,
                labels=len(self.labels),
                labels_digest=labels_digest(self.labels),
                fresh=tuple(work.fresh),
            )
            put_basis(store, work.run, basis)
            cells = with_carries(
                store, work.run, work.cascade, work.cells, basis=basis, settled=Settled(self.labels, work.cascade)
            )
            walked = plan(work, cache=store)
            work = replace(work, cells=cells, carrier=store.carrying)
            looked = plan(work, cache=store)
            # A stage with more repeats than what it reads is unknown to the walk, and known to who looks at records.
            assert looked == walked if walked.is_exact else looked.calls <= walked.calls
        cache = Counted(store)
        return execute(work, sink=store, cache=cache, progress=Silent()).calls, cache.asked

    def label(self, record: str, value: str) -> None:
        number = len(self.labels)
        answer = Answer(value=value)
        self.labels.append(
            Label(id=f"l{number}", record=record, stage="size", annotator="ann", answer=answer, at=float(number))
        )


def rows(store: Store, run: str) -> list[tuple[object, ...]]:
    """All that a run stored, the newest of each, without how long it took and when it came."""
    store.cells(run)
    with store._file.reading() as session:
        return session.rows(
            """select c.name, s.name, r.name, o.repeat, o.status::varchar, o.form::varchar, o.short, o.number, b.body,
                o.because::varchar, o.error, o.call_key::varchar, o.cached
            from output o join cell c on c.id = o.cell join stage s on s.id = o.stage join record r on r.id = o.record
                left join blob b on b.id = o.body
            where o.run = (select id from run where key = ?::uuid) order by all""",
            run,
        )


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with Store.open(tmp_path / "a", drain=False) as carrying, Store.open(tmp_path / "b", drain=False) as plain:
        found = History(folder=tmp_path, carrying=carrying, plain=plain)
        for record in ("r0", "r1", "r3"):
            found.label(record, "long")
        yield found


def test_run_again_looks_up_only_what_would_be_called_again(history: History) -> None:
    # 5 sizes, 5 in capitals, 4 replies; in the swapped cell 3 in capitals and 3 replies, of which one is new.
    assert history.run()[0] == 15
    # The exception at `bad` is called again, so that record goes through all its stages.
    assert history.run() == (1, 2)


def test_changed_stage_is_called_and_the_others_are_taken_over(history: History) -> None:
    history.run()
    history.code["reply"] = "return f'{size}: {loud}'"
    # `bad` again, 4 replies, 1 that is new in the swapped cell; looked up beside these: `bad` in capitals.
    assert history.run() == (6, 7)


def test_changed_first_stage_leaves_the_other_branch_alone(history: History) -> None:
    history.run()
    history.code["size"] = "return 'long'"
    # In the swapped cell nothing that is called has changed, so it is taken over as a whole.
    assert history.run() == (7, 10)


def test_changed_record_goes_call_by_call_and_the_others_are_taken_over(history: History) -> None:
    history.run()
    history.texts[0] = "changed"
    # `bad` again and its capitals looked up, then the changed record's three; the swapped cell makes the same calls.
    assert history.run() == (4, 5)


def test_new_label_touches_its_record_only(history: History) -> None:
    history.run()
    history.label("r4", "short")
    history.label("r3", "short")
    assert history.run() == (2, 2 + 4)


def test_labels_that_are_not_those_of_then_keep_swapped_cells_from_being_taken_over(history: History) -> None:
    history.run()
    history.labels.reverse()
    assert history.run() == (1, 2 + 6)


def test_fresh_run_hides_what_older_ones_answered(history: History) -> None:
    answer = history.folder / "answer"
    answer.write_text("then")
    history.code["loud"] = f"import pathlib; return pathlib.Path({str(answer)!r}).read_text()"
    history.run()
    history.code["reply"] = "return loud"
    answer.write_text("now")
    history.run(fresh=["loud"], kept=slice(0, 2))
    history.code["reply"] = CODE["reply"]
    # The first run shares all stages with this one, and the fresh one only two: the newer answer counts.
    history.run()
    found = history.carrying.outputs("3".zfill(32), SYSTEM, "loud")
    assert [output.value for output in found] == ["now", "now", "then", "then", "then"]


def test_stopped_run_gives_what_it_has_and_an_older_one_the_rest(history: History) -> None:
    history.texts[2] = "good"
    history.run()
    history.run(kept=slice(0, 2))
    assert history.run() == (0, 0)


def test_condition_and_repeats_count(history: History) -> None:
    history.texts[2] = "good"
    history.run()
    history.when = "size(record.text) > 2"
    assert history.run()[1] > 0
    assert history.run() == (0, 0)
    history.repeats = 2
    assert history.run()[0] > 0
    assert history.run() == (0, 0)
    history.code["reply"] = "return loud"
    assert history.run()[1] > 0


@pytest.mark.parametrize("seed", range(2))
def test_any_history_of_changes_gives_the_same_outputs_and_calls(history: History, seed: int) -> None:
    rng = random.Random(seed)
    for step in range(5):
        match rng.randrange(6):
            case 0:
                history.code[rng.choice(list(CODE))] = rng.choice(["return 'long'", "return 'short'"])
            case 1:
                history.texts[rng.randrange(5)] = rng.choice([*TEXTS, f"text {step}"])
            case 2:
                history.label(f"r{rng.randrange(5)}", rng.choice(["long", "short"]))
            case 3:
                history.when = rng.choice([None, "size(record.text) > 3", "record.text.size() > 0"])
            case 4:
                history.repeats = rng.choice([1, 2])
            case _:
                history.code = dict(CODE)
        history.run(kept=slice(0, rng.choice([3, 5, 5])), fresh=rng.choice([(), (), ("loud",)]))
