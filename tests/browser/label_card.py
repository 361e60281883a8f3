"""The label card in a browser: opened, switched to another stage, and what the server has of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from browser.conftest import Server


def stored(server: Server) -> list[dict[str, Any]]:
    """The events on the server's disk, each once, in their order."""
    file = server.folder / "labels.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return list({event["id"]: event for _, _, event in map(json.loads, lines)}.values())


def open_card(server: Server, open_page: Callable[..., Page], stage: str = "route", **options: Any) -> Page:
    page = open_page(f"{server.url}/label?stage={stage}&who=ab", **options)
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    return page


def switch(page: Page, stage: str, question: str) -> None:
    """Choose another stage, and wait until the card of the one before is gone."""
    page.get_by_role("radio", name=stage, exact=True).click()
    expect(page.get_by_role("form", name=question)).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)


def all_saved(page: Page, *, timeout_s: float | None = None) -> None:
    """Wait until the page says so, as long as others wait for a page where nothing else is said."""
    timeout = None if timeout_s is None else timeout_s * 1_000
    expect(page.locator(".saved")).to_have_text("All saved", timeout=timeout)
    expect(page.locator(".card")).to_have_attribute("data-pending", "0")


def write_labels(server: Server, stage: str, records: range) -> None:
    """Labels that `ab` made before."""
    values: dict[str, Any] = {
        "route": {"value": "other"}, "retrieve": {"value": []}, "draft": {"value": None}, "urgent": {"value": True},
        "topics": {"value": []}, "anger": {"value": 1}, "ticket": {"/kind": "question", "/customer/name": "Ann"},
    }  # fmt: skip
    rows = [
        {"id": f"old {stage} {i}", "record": f"m{i:04d}", "action": "label", "values": values[stage]} for i in records
    ]
    with (server.folder / "labels.jsonl").open("a") as file:
        file.writelines(json.dumps([f"queue-{stage}", "ab", row]) + "\n" for row in rows)
