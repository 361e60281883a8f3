"""Who labels: signed in at a real OpenID Connect provider, or named by a real proxy before the app."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server
from browser.label_card import all_saved
from browser.oidc_provider import CLIENT, SECRET
from browser.test_real_workspace import project
from stagegap.ui.access import Access
from stagegap.workspace import Workspace

__all__ = ["project"]


@contextmanager
def started(script: str, *words: str) -> Iterator[int]:
    """Run a script of this folder as a process; gives the port that it prints first."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.kill()
    process.communicate()


@pytest.fixture
def provider() -> Iterator[int]:
    """Port of an OpenID Connect provider."""
    with started("oidc_provider.py") as port:
        yield port


def test_who_signs_in_labels_under_that_name_and_comes_back_to_the_link(
    project: Path, provider: int, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    folder = project / ".streamlit"
    folder.mkdir()
    (folder / "secrets.toml").write_text(
        f"""[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "{"c" * 32}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
server_metadata_url = "http://127.0.0.1:{provider}/.well-known/openid-configuration"
"""
    )
    server = serve(is_real=True)
    (project / "team.toml").write_text('labellers = ["ab@example.org"]\n')
    page = open_page(f"{server.url}/label?stage=reply&who=boss", is_known=False)
    expect(page.get_by_text("Sign in above. Every label carries who made it.")).to_be_visible()
    assert page.locator(".card").count() == 0
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="ab@example.org").click()
    expect(page.get_by_role("form", name="Write the reply that you would give.")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/label?stage=reply&who=boss")
    expect(page.get_by_text("ab@example.org")).to_be_visible()
    expect(page.get_by_text("not verified")).to_have_count(0)
    page.locator(".card").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("We close at six.")
    page.keyboard.press("Control+Enter")
    all_saved(page)
    with Workspace.open(project) as workspace:
        (made,) = [label for label in workspace.store.labels("first", stage="reply") if label.queue]
    assert (made.annotator, made.verified) == ("ab@example.org", True)
    page.goto(f"{server.url}/failures?who=boss")
    expect(page.locator(".card[data-record]")).to_be_visible()
    (project / "team.toml").write_text('labellers = ["somebody@example.org"]\n')
    page.reload()
    expect(page.get_by_text("does not let you in")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{server.url}/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"{server.url}/label?stage=reply")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_proxy_says_who_labels_whatever_the_link_and_the_browser_say(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGEGAP_TRUSTED_HEADER", "X-Forwarded-Email")
    monkeypatch.setenv("STAGEGAP_HOST", "labels.example.org")
    server = serve(is_real=True)
    with started(
        "reverse_proxy.py", str(server.port), "labels.example.org", "ab@example.org", Access(project).token
    ) as port:
        page = open_page("about:blank", is_known=False)
        page.set_extra_http_headers({"X-Forwarded-Email": "boss@example.org"})
        page.goto(f"http://127.0.0.1:{port}/label?stage=topic&who=boss")
        expect(page.get_by_text("ab@example.org")).to_be_visible()
        expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
        page.locator(".card").focus()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        all_saved(page)
        page.goto("about:blank")
    with Workspace.open(project) as workspace:
        (made,) = [label for label in workspace.store.labels("first", stage="topic") if label.queue]
    assert (made.annotator, made.verified) == ("ab@example.org", True)
    direct = open_page(f"{server.url}/label?stage=topic&who=boss")
    expect(direct.get_by_text("did not say who you are")).to_be_visible()
    stranger = open_page("about:blank", is_known=False)
    stranger.set_extra_http_headers({"X-Forwarded-Email": "boss@example.org"})
    stranger.goto(f"{server.url}/label?stage=topic")
    expect(stranger.get_by_text("This app opens by its link only")).to_be_visible()
