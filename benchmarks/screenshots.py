"""Pictures of all pages of the demo, at a desk and on a phone, light and dark: `python benchmarks/screenshots.py OUT`.

The demo is copied into a temporary folder and run twice, with a worse drafter the second time, so that Compare has
something to show. Only the command line and the addresses of the pages are used, so that PYTHONPATH may name any
version: take the pictures of two versions and lay them side by side.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from stagegap.ui.access import Access

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
WIDTHS = {"desk": 1440, "phone": 420}
PAGES = {
    "gap": "/",
    "failures": "/failures",
    "label-route": "/label?stage=route&who=yz",
    "label-retrieve": "/label?stage=retrieve&who=yz",
    "label-draft": "/label?stage=draft&who=yz",
    "label-nobody": "/label",
    "agree": "/agree?stage=route&who=yz",
    "compare": "/compare",
    "odd": "/odd",
}


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = project(Path(place) / "support-mail")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "stagegap", "app", "--no-browser", "--port", str(port)]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                reach(browser, f"http://127.0.0.1:{port}/")
                for scheme in ("light", "dark"):
                    for size, width in WIDTHS.items():
                        for name, path in PAGES.items():
                            token = f"{'&' if '?' in path else '?'}token={Access(folder).token}"
                            url = f"http://127.0.0.1:{port}{path}{token}"
                            picture(browser, url, out / f"{name}-{size}-{scheme}.png", width=width, scheme=scheme)
        finally:
            server.terminate()
            server.wait()


def project(folder: Path) -> Path:
    """The demo with two runs."""
    for part in ("data/support_email", "pipelines/support_email"):
        shutil.copytree(ROOT / part, folder / part)
    stages = folder / "pipelines" / "support_email" / "stages.py"
    run(folder)
    stages.write_text(stages.read_text().replace("QUOTED = 6", "QUOTED = 2"))
    run(folder)
    return folder


def run(folder: Path) -> None:
    command = [sys.executable, "-m", "stagegap", "run", "pipelines/support_email/cascade.yaml"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def reach(browser: Browser, url: str) -> None:
    """Wait until the server listens."""
    page = browser.new_page()
    while True:
        try:
            page.goto(url)
            break
        except Error:
            page.wait_for_timeout(100)
    page.close()


def picture(browser: Browser, url: str, path: Path, *, width: int, scheme: str) -> None:
    """One page as somebody sees it who scrolls down to its end."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(url)
    page.wait_for_selector("h1, .card, [data-testid=stHeading]")
    calm(page)
    height = page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollHeight))")
    page.set_viewport_size({"width": width, "height": min(int(height), 12_000)})
    calm(page)
    page.screenshot(path=path)
    page.close()


def calm(page: Page) -> None:
    """Wait until the script has run and the page has stood still for a second."""
    page.wait_for_function(
        """() => {
            const now = document.body.innerHTML.length + ":" + document.body.scrollHeight;
            if (now !== window.lastSeen || document.querySelector("[data-testid=stStatusWidget]")) {
                window.lastSeen = now;
                window.calmSince = performance.now();
            }
            return performance.now() - window.calmSince > 1000;
        }""",
        polling=100,
        timeout=90_000,
    )


if __name__ == "__main__":
    main()
