"""Somebody reads whole records of a large store in a browser: `python benchmarks/reading.py FOLDER [READINGS]`.

FOLDER is what `python benchmarks/large.py build FOLDER` makes. Prints what a reader waits for from the key that saves
to the next record on the screen (median and 95th percentile, measured in the page up to the next frame), how long until
a reading is acknowledged, and the processor time of the server for each reading.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from stagegap.ui.access import Access

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
WATCH = """
window.waits = []; window.acks = [];
let pressed = null, before = null, sent = null;
const box = () => {
  for (const host of document.querySelectorAll("*")) {
    const read = host.shadowRoot?.querySelector("#read") ?? (host.id === "read" ? host : null);
    if (read) return read;
  }
};
addEventListener("keydown", event => {
  if (event.key === "p") { pressed = sent = performance.now(); before = box()?.dataset.record; }
}, true);
const look = () => {
  const read = box();
  if (read && pressed !== null && read.dataset.record !== before) {
    window.waits.push(performance.now() - pressed); pressed = null;
  }
  if (read && sent !== null && pressed === null && read.dataset.pending === "0") {
    window.acks.push(performance.now() - sent); sent = null;
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def spent(process: int) -> float:
    """Seconds of the processor that a process took so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def line(name: str, waits: list[float]) -> str:
    return f"{name}: median {statistics.median(waits):.0f} ms, p95 {statistics.quantiles(waits, n=20)[-1]:.0f} ms"


def main(folder: Path, readings: int) -> None:
    """Read so many records, one after the other, as fast as the page acknowledges."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "stagegap", "app", "--no-browser", "--port", str(port)]
    app = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(WATCH)
            while True:
                try:
                    page.goto(f"http://127.0.0.1:{port}/read?who=reader&token={Access(folder).token}")
                    break
                except Error:
                    page.wait_for_timeout(100)
            page.wait_for_selector("#read .panel h2", timeout=300_000)
            start, cpu = time.perf_counter(), spent(app.pid)
            for n in range(1, readings + 1):
                page.keyboard.press("p")
                page.wait_for_function("n => window.acks.length >= n", arg=n, timeout=120_000)
            took, used = time.perf_counter() - start, spent(app.pid) - cpu
            print(line("save to next", page.evaluate("window.waits")))
            print(line("acknowledged", page.evaluate("window.acks")))
            print(
                f"{readings} readings in {took:.0f} s; {1000 * used / readings:.0f} ms of the server's processor each"
            )
            browser.close()
    finally:
        app.terminate()
        app.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100)
