"""Six people label at once before a store of a million records: `python benchmarks/labelling.py [RECORDS] [LABELS]`.

Makes the records and runs a cascade of two Python stages over them, then opens six browsers on the label page. Prints
what a person waits for: from Enter to the next record on the screen (median and 95th percentile of all labels, in
milliseconds, measured in the page up to the next frame), how long until a label is acknowledged, whether a burst of 60
labels loses any, and whether any is lost when the server is killed in the middle and started again. For the share of
the machine in it, the same is measured before a store of 1,000 records in the same process and given beside it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from stagegap.ui.access import Access
from stagegap.workspace import Workspace

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
PEOPLE = ("ab", "cd", "ef", "gh", "ij", "kl")
SMALL = 1_000
CASCADE = """cascade: many
records: {path: records.jsonl, id: id}
stages:
  topic:
    uses: python
    with: {function: "stages.py:topic"}
    inputs: {text: record.text}
    output: {type: label, values: [a, b, c, d, e]}
    ask: What is it about?
  urgent:
    uses: python
    with: {function: "stages.py:urgent"}
    inputs: {text: record.text, topic: topic}
    output: {type: boolean}
    ask: Must it be answered today?
outcome: {score: urgent.accuracy}
"""
CODE = """
def topic(text):
    return "abcde"[len(text) % 5]


def urgent(text, topic):
    return topic in "ab"
"""
WATCH = """
window.waits = []; window.acks = [];
let pressed = null, before = null, sent = [];
const card = () => {
  for (const host of document.querySelectorAll("*")) {
    const found = host.shadowRoot?.querySelector(".card[data-record]");
    if (found) return found;
  }
};
addEventListener("keydown", event => {
  if (event.key === "Enter") { pressed = performance.now(); before = card()?.dataset.record; sent.push(pressed); }
}, true);
const look = () => {
  const found = card();
  if (found && pressed !== null && found.dataset.record !== before) {
    window.waits.push(performance.now() - pressed); pressed = null;
  }
  if (found && found.dataset.pending === "0" && sent.length) {
    for (const one of sent) window.acks.push(performance.now() - one);
    sent = [];
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@dataclass
class App:
    """The label page in its own process; `kill` ends it without a word, `start` brings it back on the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "stagegap", "app", "--no-browser", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"}
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def memory_mb(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def make(folder: Path, n: int) -> None:
    """Write the project and run it."""
    target = folder / "pipelines" / "many"
    target.mkdir(parents=True)
    (target / "cascade.yaml").write_text(CASCADE)
    (target / "stages.py").write_text(CODE)
    with (target / "records.jsonl").open("w") as file:
        for i in range(n):
            text = f"Record {i}: " + " ".join(f"word{(i * 7 + k) % 977}" for k in range(20 + i % 5))
            file.write(json.dumps({"id": f"r{i:07d}", "text": text}) + "\n")

    def run() -> None:
        with Workspace.open(folder) as workspace:
            workspace.runs.new(None)
            workspace.labels.queue("many", "topic")

    with ThreadPoolExecutor(1) as pool:  # Playwright's event loop runs in this thread, and a run brings its own
        pool.submit(run).result()


def opened(browser: Browser, app: App, who: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(WATCH)
    while True:
        try:
            page.goto(f"http://127.0.0.1:{app.port}/label?stage=topic&who={who}&token={Access(app.folder).token}")
            break
        except Error:
            page.wait_for_timeout(100)
    page.wait_for_selector(".card[data-record]:not([data-record=''])", timeout=120_000)
    page.locator(".card").focus()
    return page


def label(page: Page) -> None:
    page.wait_for_selector(".card[data-record]:not([data-record=''])", timeout=120_000)
    page.keyboard.press("2")
    page.keyboard.press("Enter")


def all_saved(page: Page) -> None:
    page.wait_for_selector(".card[data-pending='0']", timeout=120_000)


def stored(folder: Path, who: str) -> int:
    with Workspace.open(folder) as workspace:
        return len({one.record for one in workspace.store.labels("many", stage="topic", annotator=who)})


def spread(found: Sequence[float]) -> str:
    return f"median {statistics.median(found):.0f} ms, p95 {statistics.quantiles(found, n=20)[-1]:.0f} ms"


def measure(browser: Browser, folder: Path, n: int, each: int) -> None:
    start = time.perf_counter()
    make(folder, n)
    print(f"{n:,} records: made and run in {time.perf_counter() - start:.0f} s", flush=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        app = App(folder, probe.getsockname()[1])
    app.start()
    pages = {who: opened(browser, app, who) for who in PEOPLE}
    for _ in range(each):
        for page in pages.values():
            label(page)
    for page in pages.values():
        all_saved(page)
    waits = [one for page in pages.values() for one in page.evaluate("window.waits")]
    acks = [one for page in pages.values() for one in page.evaluate("window.acks")]
    print(f"  six people, {len(waits)} labels, Enter to next record: {spread(waits)}", flush=True)
    print(f"  until acknowledged: {spread(acks)}; server {app.memory_mb():.0f} MB", flush=True)
    first, second, *rest = pages.items()
    for _ in range(60):
        label(first[1])
    all_saved(first[1])
    for i in range(10):
        label(second[1])
        if i == 4:
            app.kill()
    app.start()
    all_saved(second[1])
    for page in pages.values():
        page.context.close()
    made = {who: each for who, _ in rest} | {first[0]: each + 60, second[0]: each + 10}
    lost = {who: count - stored(folder, who) for who, count in made.items()}
    print(f"  lost of a burst of 60: {lost[first[0]]}; lost over a kill: {lost[second[0]]}; others: "
          f"{sum(lost[who] for who, _ in rest)}; load of the machine {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    app.kill()


def main(n: int, each: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for size in (min(SMALL, n), n):
            with tempfile.TemporaryDirectory() as name:
                measure(browser, Path(name), size, each)
        browser.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 50)
