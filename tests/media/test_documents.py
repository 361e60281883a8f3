"""PDF in a process of its own: nothing in a document runs, and memory and time that it takes are bounded."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from drawn_files import write_pdf
from stagegap.errors import MediaError
from stagegap.media import documents, file_of, read_media, thumbnail
from stagegap.media.documents import answer
from stagegap.model.media import FieldKind

SQUARE = b"0 0 0 rg 50 50 100 100 re f"


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(content), more, content)


def write(
    path: Path,
    content: bytes = SQUARE,
    *,
    catalog: bytes = b"",
    page: bytes = b"",
    more: bytes = b"",
    trailer: bytes = b"",
) -> Path:
    """A PDF of one page whose parts are written by hand."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        stream(content) if b"endstream" not in content else content,
        b"<< /Type /Page /Parent 2 0 R %s /Contents 3 0 R >>" % (page or b"/MediaBox [0 0 300 400]"),
        more or b"null",
    ]
    body = b"%PDF-1.7\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % numbered for numbered in enumerate(objects, 1))
    path.write_bytes(body + b"trailer << /Size 6 /Root 1 0 R %s >>\n%%%%EOF\n" % trailer)
    return path


def drawn(path: Path) -> tuple[int | None, bytes]:
    media = read_media(path.parent, path.name, FieldKind.PDF)
    return media.width, thumbnail(file_of(path.parent, media), media, most=40)


@pytest.mark.parametrize(
    "parts",
    [
        {"catalog": b"/OpenAction << /S /Launch /F (/bin/touch ran) >>"},
        {"catalog": b"/OpenAction << /S /JavaScript /JS (this.submitForm('http://tracker.invalid')) >>"},
        {"catalog": b"/OpenAction << /S /URI /URI (http://tracker.invalid) >>"},
        {"page": b"/MediaBox [0 0 300 400] /AA << /O << /S /Launch /F (/bin/touch ran) >> >>"},
        {"catalog": b"/AcroForm << /XFA 5 0 R /Fields [] >>", "more": stream(b"<script>app.alert(1)</script>")},
        {
            "catalog": b"/Names << /EmbeddedFiles << /Names [(ran) 5 0 R] >> >>",
            "more": b"<< /Type /Filespec /F (ran) >>",
        },
        {"page": b"/MediaBox [0 0 1000000000 1000000000]"},
        {"page": b"/MediaBox [0 0 0 0]"},
        {"page": b"/MediaBox [0 0 nan inf]"},
        {"page": b"/MediaBox [0 0 0.001 90000]"},
    ],
)
def test_document_that_wants_something_or_has_no_size_is_a_picture_and_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    width, picture = drawn(write(tmp_path / "odd.pdf", **parts))
    assert width
    assert picture.startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["odd.pdf"]


def test_document_with_a_password_says_so(tmp_path: Path) -> None:
    locked = b"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -1 /O <%s> /U <%s> >>" % (
        b"41" * 32,
        b"42" * 32,
    )
    write(tmp_path / "locked.pdf", trailer=locked)
    with pytest.raises(MediaError) as caught:
        read_media(tmp_path, "locked.pdf", FieldKind.PDF)
    assert str(caught.value) == "'locked.pdf' is a PDF that needs a password. Save it without one."


def test_stream_that_unpacks_to_gigabytes_ends_the_process_and_the_next_document_is_drawn(tmp_path: Path) -> None:
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b" " * 50_000_000) for _ in range(24)) + packer.flush()
    path = write(tmp_path / "bomb.pdf", stream(packed, b"/Filter /FlateDecode "))
    with pytest.raises(MediaError, match=r"'bomb\.pdf' takes more than 1 GB of memory"):
        drawn(path)
    assert drawn(write_pdf(tmp_path / "good.pdf"))[0] == 300


def test_page_that_draws_itself_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = b"/Resources << /XObject << /F 5 0 R >> >>"
    again = stream(b"/F Do " * 9, b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] %s " % form)
    path = write(tmp_path / "loop.pdf", b"/F Do", page=b"/MediaBox [0 0 300 400] " + form, more=again)
    media = read_media(tmp_path, "loop.pdf", FieldKind.PDF)
    monkeypatch.setattr(documents, "MOST_S", 0.5)
    with pytest.raises(MediaError, match=r"'loop\.pdf' takes more than 0\.5 seconds to be drawn"):
        thumbnail(path, media)


def test_process_answers_with_a_page_or_with_why_there_is_none(tmp_path: Path) -> None:
    two, broken = str(write_pdf(tmp_path / "two.pdf", pages=2)), tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and no more")
    long = str(write_pdf(tmp_path / "long.pdf", pages=2_001))
    assert answer(two, 1, 0)[:3] == (2, 300.0, 400.0)
    page = answer(two, 2, 40)
    assert isinstance(page, documents.Page)
    assert (page.size, len(page.pixels)) == ((30, 40), 30 * 40 * 3)
    assert answer(two, 3, 40) == "has 2 pages, and no page 3"
    assert answer(long, 1, 0) == "has 2,001 pages; at most 2,000 are read"
    assert str(answer(str(broken), 1, 0)).startswith("is a PDF that is broken (")
