"""A label card and lists before many large pictures: `python benchmarks/pictures.py [RECORDS]`.

Makes that many records (10,000 when not given), each with a JPEG of about 1 MB and 2,000 x 1,500 pixels (twenty drawn,
the others as links to them), runs a Python stage over them, and prints for what a page asks: milliseconds of processor
time and on the clock, median, 95th percentile and worst. Then the memory of the process at its largest.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from stagegap.ui import label_page, media
from stagegap.workspace import Workspace

SIZE = (2_000, 1_500)
DRAWN = 20
CASCADE = """cascade: scans
records: {path: records.jsonl, media: files, fields: {photo: image}}
stages:
  kind:
    uses: python
    with: {function: "stages.py:kind"}
    inputs: {photo: record.photo}
    output: {type: label, values: [bill, letter]}
outcome: {score: kind.accuracy}
"""


def make(folder: Path, records: int) -> None:
    """The project: pictures of noise, so that they take their megabyte."""
    home = folder / "pipelines" / "scans"
    (home / "files").mkdir(parents=True)
    for n in range(records):
        path = home / "files" / f"{n}.jpg"
        if n < DRAWN:
            noise = np.random.default_rng(n).normal(128, 40, (SIZE[1] // 2, SIZE[0] // 2, 3)).clip(0, 255)
            Image.fromarray(noise.astype(np.uint8)).resize(SIZE).save(path, quality=90)
        else:
            os.link(home / "files" / f"{n % DRAWN}.jpg", path)
    rows = (json.dumps({"id": f"s{n}", "photo": f"{n}.jpg"}) for n in range(records))
    (home / "records.jsonl").write_text("\n".join(rows))
    (home / "stages.py").write_text("def kind(photo):\n    return 'bill'\n")
    (home / "cascade.yaml").write_text(CASCADE)


def measured(what: str, ask: Callable[[], object], times: int) -> None:
    """Print what one asking takes; the first is apart, it has to warm up."""
    ask()
    spent: list[tuple[float, float]] = []
    for _ in range(times):
        start, cpu = time.perf_counter(), time.process_time()
        ask()
        spent.append((time.process_time() - cpu, time.perf_counter() - start))
    cells = (
        f"{1000 * np.median(column):.1f}, {1000 * np.quantile(column, 0.95):.1f}, {1000 * max(column):.1f}"
        for column in zip(*spent, strict=True)
    )
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


def main(records: int) -> None:
    """Make, run, measure."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        folder = Path(name)
        make(folder, records)
        each = (folder / "pipelines" / "scans" / "files" / "0.jpg").stat().st_size
        with Workspace.open(folder) as workspace:
            start = time.process_time()
            workspace.runs.new(folder / "pipelines" / "scans" / "cascade.yaml")
            print(f"{records:,} pictures of {each:,} bytes, read and run: {time.process_time() - start:.1f} s of CPU")
            queue = workspace.labels.queue("scans", "kind", "random")
            print("| milliseconds: median, 95th percentile, worst | of the processor | on the clock |\n|---|---|---|")
            measured(
                "card with the next records", lambda: label_page.given(workspace, queue, "ab", acknowledged=()), 100
            )
            ids = [f"s{n}" for n in range(0, records, max(1, records // 200))]
            measured("addresses of 200 small pictures", lambda: media.small(workspace, "scans", ids), 100)
            root = Path(workspace.media_folder("scans"))
            for side, words in ((media.SMALL, "small picture, first time"), (media.LARGE, "large picture, first time")):
                names = names_of(workspace, root, records)
                measured(
                    words, lambda side=side, names=names: media.SHELF.picture(next(names), side=side, page=1), DRAWN
                )
            again = next(names_of(workspace, root, records))
            measured("large picture again", lambda: media.SHELF.picture(again, side=media.LARGE, page=1), DRAWN)
        print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MB")


def names_of(workspace: Workspace, root: Path, records: int) -> Iterator[str]:
    """The names under which a page would ask for one picture after the other."""
    for record in (f"s{n}" for n in range(records)):
        file = workspace.failures.pictures("scans", [record])[record]
        yield media.SHELF.offer(root, file, "key").removeprefix(f"{media.PREFIX}/")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
