"""The storm: the app, the browser of a labeller and a program that holds the store are killed again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved
from browser.test_real_workspace import HOLDER
from mails import write_mails
from stagegap.workspace import Workspace

CASCADE = "support_email"
KILLS = 50
"""Of each kind."""
WAITING_S = 120
"""How long a page may take to find its server again."""


class Labeller:
    """Somebody who answers one record after the other by keys, whatever is killed meanwhile."""

    def __init__(self, server: Server, open_page: Callable[..., Page], browser: Browser) -> None:
        self.acknowledged: list[str] = []
        self._server = server
        self._open_page = open_page
        self._session = browser.new_browser_cdp_session()
        self._pending: list[str] = []
        self._open()

    def answer(self, count: int) -> None:
        """Answer so many records without waiting until they are saved."""
        card = self._page.locator(".card[data-record]:not([data-record=''])")
        for _ in range(count):
            record = card.get_attribute("data-record", timeout=WAITING_S * 1_000)
            assert record is not None
            self._page.keyboard.press("1")
            self._page.keyboard.press("Enter")
            expect(card).not_to_have_attribute("data-record", record)
            self._pending.append(record)

    def wait(self) -> None:
        """Wait until the page says that all is saved."""
        all_saved(self._page, timeout_s=WAITING_S)
        self._settle(0)

    def lose_browser(self) -> None:
        """Kill the process of the page, whatever it does, and open the page anew."""
        self._settle(int(self._page.locator(".card").get_attribute("data-pending") or 0))
        processes = self._session.send("SystemInfo.getProcessInfo")["processInfo"]
        with self._page.expect_event("crash"):
            for process in processes:
                if process["type"] == "renderer":
                    os.kill(process["id"], signal.SIGKILL)
        self._pending.clear()
        self._page.close()
        self._open()

    def _settle(self, pending: int) -> None:
        """What was answered before the last so many is acknowledged."""
        said = len(self._pending) - pending
        self.acknowledged += self._pending[:said]
        del self._pending[:said]

    def _open(self) -> None:
        self._page = self._open_page(f"{self._server.url}/label?cascade={CASCADE}&stage=route&who=eve&queue=random")
        expect(self._page.locator(".card[data-record]:not([data-record=''])")).to_be_visible(timeout=WAITING_S * 1_000)
        self._page.locator(".card").focus()


def kill_holder(folder: Path, labeller: Labeller, count: int) -> None:
    """Have a foreign program hold the file while somebody labels, and kill it."""
    words = [sys.executable, str(HOLDER), str(folder / ".stagegap" / "store.duckdb")]
    while True:
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as holder:
            assert holder.stdout is not None
            if holder.stdout.readline() != b"holding\n":
                continue  # the app is writing at this moment
            labeller.answer(count)
            labeller.wait()
            holder.kill()
            return


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_acknowledged_label_is_there_once_after_fifty_kills_of_each(
    tmp_path: Path, serve: Callable[..., Server], open_page: Callable[..., Page], browser: Browser
) -> None:
    folder = tmp_path / "support-mail"
    cascade = write_mails(folder, count=600, unlabelled={"route": 600}) / "cascade.yaml"
    cascade.write_text(cascade.read_text().replace("    guideline: guideline.md\n", ""))  # nothing to read first
    run_once(folder)
    server = serve(is_real=True)
    labeller = Labeller(server, open_page, browser)
    draw = random.Random(13)
    for _ in range(KILLS):
        labeller.answer(draw.randint(1, 3))
        server.kill()
        labeller.answer(1)
        server.start()
        labeller.wait()
        labeller.answer(draw.randint(1, 2))
        labeller.lose_browser()
        kill_holder(folder, labeller, 1)
    labeller.wait()
    with Workspace.open(folder) as workspace:
        labels = [label for label in workspace.store.labels(CASCADE, stage="route") if label.annotator == "eve"]
        problems = [finding.message for finding in workspace.store.check() if not finding.is_good]
    made = Counter(label.record for label in labels)
    assert len(labeller.acknowledged) >= 3 * KILLS
    assert {record: made[record] for record in labeller.acknowledged if made[record] != 1} == {}
    assert len({label.id for label in labels}) == len(labels)
    assert problems == []
    sys.stdout.write(f"{len(labeller.acknowledged)} acknowledged, {len(labels)} there\n")
