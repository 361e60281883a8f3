"""From `stagegap app` to the verdict on the screen, cold server and cold browser: `python benchmarks/app.py [FOLDER]`.

FOLDER is a workspace with a finished run, by default the one here. Prints seconds, medians of 5 rounds.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from stagegap.ui.access import Access

ROUNDS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    rounds = [one_round(folder) for _ in range(ROUNDS)]
    verdicts, reloads = zip(*rounds, strict=True)
    print(f"command to verdict: {statistics.median(verdicts):.1f} s ({min(verdicts):.1f} to {max(verdicts):.1f})")
    print(f"reload to verdict:  {statistics.median(reloads):.1f} s ({min(reloads):.1f} to {max(reloads):.1f})")


def one_round(folder: Path) -> tuple[float, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    command = [sys.executable, "-m", "stagegap", "app", "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            while True:
                try:
                    page.goto(f"http://127.0.0.1:{port}/?token={Access(folder).token}")
                    break
                except Error:
                    page.wait_for_timeout(50)
            page.wait_for_selector("h1")
            cold = time.perf_counter() - start
            again = time.perf_counter()
            page.reload()
            page.wait_for_selector("h1")
            warm = time.perf_counter() - again
            browser.close()
    finally:
        server.terminate()
        server.wait()
    return cold, warm


if __name__ == "__main__":
    main()
