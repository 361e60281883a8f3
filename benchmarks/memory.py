"""Whether memory stays bounded: `python benchmarks/memory.py [records]` prints the peak of a run of Python stages.

The records are made when they are asked for, so that the peak is that of runner and store, not of the caller's list.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import run_python

from stagegap.model.record import Record
from stagegap.store.store import Store

CHUNK = 50_000
SET = "5" * 32
"""Name of the set of records."""


class Made(Sequence[Record]):
    """So many records of about 120 characters, none of which is kept."""

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        if isinstance(place, slice):
            return [self[n] for n in range(*place.indices(self._n))]
        words = " ".join("bcdfgh"[(place >> shift) % 6] + "aeiou"[(place + shift) % 5] * 5 for shift in range(15))
        return Record(id=f"r{place:07d}", fields={"text": f"{words} {place}"})

    def __iter__(self) -> Iterator[Record]:
        return (self[n] for n in range(self._n))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(n: int) -> None:
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "store") as store:
        folder, records, cascade = Path(name), Made(n), run_python.cascade()
        (folder / "stages.py").write_text(run_python.CODE)
        print(f"at the start: {peak_mb():.0f} MB", flush=True)
        for first in range(0, n, CHUNK):
            store.put_records("bench", records[first : first + CHUNK])
        print(f"after taking in {n:,} records: {peak_mb():.0f} MB", flush=True)
        store.origins.keep_records("bench", SET, records)
        for number in (1, 2):
            start = time.perf_counter()
            summary = run_python.whole_run(store, number, cascade, folder=folder, records=records, digest=SET)
            seconds = time.perf_counter() - start
            print(f"after run {number} ({summary.calls:,} calls, {seconds:.0f} s): {peak_mb():.0f} MB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
