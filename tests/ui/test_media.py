"""The files that pages gave out: found by name, drawn once, and forgotten when there are too many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from runner.test_media import project
from stagegap.media import read_media
from stagegap.model.media import FieldKind, Media
from stagegap.ui import label_page, media
from stagegap.ui.media import Shelf
from stagegap.workspace import Workspace


def picture(folder: Path, name: str, colour: str) -> Media:
    Image.new("RGB", (8, 4), colour).save(folder / name)
    return read_media(folder, name, FieldKind.IMAGE)


def name_of(address: str) -> str:
    return address.removeprefix("/record-media/")


def test_address_is_of_the_content_and_the_key_and_says_no_path(tmp_path: Path) -> None:
    shelf, first, second = Shelf(), picture(tmp_path, "a.png", "red"), picture(tmp_path, "b.png", "blue")
    addresses = {shelf.offer(tmp_path, file, key) for file in (first, second) for key in ("k", "l", "k")}
    assert len(addresses) == 4
    assert not any("png" in address for address in addresses)
    opened = shelf.file(name_of(shelf.offer(tmp_path, first, "k")))
    assert opened == (first, tmp_path / "a.png")
    assert shelf.file("nobody") is None
    assert shelf.picture("nobody", side=10, page=1) is None


def test_picture_is_drawn_once_and_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, first, second = Shelf(), picture(tmp_path, "a.png", "red"), picture(tmp_path, "b.png", "blue")
    one = name_of(shelf.offer(tmp_path, first, "k"))
    drawn = shelf.picture(one, side=4, page=1)
    assert drawn is not None
    assert drawn.startswith(b"\x89PNG")
    assert shelf.picture(one, side=4, page=1) is drawn
    monkeypatch.setattr(media, "MOST_DRAWN", 1)
    monkeypatch.setattr(media, "MOST_OFFERED", 1)
    two = name_of(shelf.offer(tmp_path, second, "k"))
    assert shelf.picture(two, side=4, page=1) is not None
    assert shelf.file(one) is None


def test_card_and_list_open_no_file_however_many_and_large_they_are(tmp_path: Path) -> None:
    folder = project(tmp_path / "pipelines" / "receipts")
    with Workspace.open(tmp_path) as workspace:
        workspace.runs.new(folder / "cascade.yaml")
        queue = workspace.labels.queue("receipts", "size", "random")
        for path in (folder / "data" / "scans").iterdir():
            path.unlink()
        card = label_page.given(workspace, queue, "ab", acknowledged=())
        assert json.dumps(card["items"]).count("/record-media/") == 2
        assert len(media.small(workspace, "receipts", ["a", "b"])) == 2
