"""Two runs at once: each call is one run's, and the other waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stagegap.store import Store
from stagegap.store.calls import Claims

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_run_that_is_alone_has_every_call_until_another_comes(store: Store, stack: ExitStack) -> None:
    first = stack.enter_context(store.claiming())
    assert first.claim([A, B]) == set()
    assert first.is_alone
    second = stack.enter_context(store.claiming())
    assert not second.is_alone
    assert second.claim([A, C]) == {A, C}, "the first has not noticed yet"
    first.notice()
    assert not first.is_alone
    assert second.claim([A, B, C]) == {A, B}
    assert first.claim([A, C]) == {C}


def test_call_that_is_let_go_of_is_had_by_the_next_who_asks(store: Store, stack: ExitStack) -> None:
    first, second = stack.enter_context(store.claiming()), stack.enter_context(store.claiming())
    assert first.claim([A]) == set()
    assert second.claim([A]) == {A}
    first.release([A, B])
    assert second.claim([A]) == set()
    assert first.claim([A]) == {A}


def test_call_that_was_let_go_of_before_another_run_came_is_free(store: Store, stack: ExitStack) -> None:
    first = stack.enter_context(store.claiming())
    first.claim([A, B])
    first.release([A])
    second = stack.enter_context(store.claiming())
    first.notice()
    assert second.claim([A, B]) == {B}


def test_calls_of_a_killed_process_are_free(store: Store, folder: Path) -> None:
    code = "import sys, time; from pathlib import Path; from stagegap.store.calls import Claims"
    code += f"; Claims(Path(sys.argv[1])).claim(['{A}']); print('has it', flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code, str(folder / "lock.calls")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has it\n"
        claims = Claims(folder / "lock.calls")
        assert claims.claim([A]) == {A}
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert claims.claim([A]) == set()
        claims.close()


def test_lock_that_the_system_refuses_is_no_lock_of_another(folder: Path, store: Store) -> None:
    claims = Claims(folder / "lock.calls")
    claims.is_alone = False
    claims.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        claims._lock(1, 1, 1)
