from __future__ import annotations

import gzip
import io
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drawn_files import draw_picture, write_bomb, write_pdf, write_tone
from stagegap.errors import MediaError
from stagegap.media import file_of, read_media, thumbnail
from stagegap.media.files import MOST_BYTES
from stagegap.model.media import FieldKind, Media, media_of


def refused(root: Path, path: str, kind: FieldKind = FieldKind.IMAGE) -> str:
    with pytest.raises(MediaError) as caught:
        read_media(root, path, kind)
    return str(caught.value).replace(str(root), "ROOT")


def test_picture_is_its_path_its_digest_and_what_its_header_says(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a" / "one.jpg", size=(240, 80))
    media = read_media(tmp_path, "a/one.jpg", FieldKind.IMAGE)
    assert (media.path, media.type, media.width, media.height) == ("a/one.jpg", "image/jpeg", 240, 80)
    assert media.size == (tmp_path / "a" / "one.jpg").stat().st_size
    assert len(media.digest) == 64
    assert media_of(media.as_value()) == media
    assert file_of(tmp_path, media) == tmp_path / "a" / "one.jpg"


def test_changed_file_is_another_value_and_the_old_value_opens_nothing(tmp_path: Path) -> None:
    path = draw_picture(tmp_path / "one.png", "12.50")
    before = read_media(tmp_path, "one.png", FieldKind.IMAGE)
    draw_picture(path, "99.00")
    after = read_media(tmp_path, "one.png", FieldKind.IMAGE)
    assert before.digest != after.digest
    assert file_of(tmp_path, after) == path
    with pytest.raises(MediaError, match=r"'one\.png' was changed since it was read"):
        file_of(tmp_path, before)


def test_same_content_under_two_names_has_one_digest(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one.png")
    draw_picture(tmp_path / "two.png")
    assert len({read_media(tmp_path, name, FieldKind.IMAGE).digest for name in ("one.png", "two.png")}) == 1


@pytest.mark.parametrize("path", ["/etc/passwd", "~/a.png", "C:\\a.png", "\\\\host\\a.png", "C:a.png"])
def test_path_that_starts_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    assert refused(tmp_path, path) == f"{path!r} is no path inside the folder 'ROOT'. Write it relative to that folder."


@pytest.mark.parametrize("path", ["../a.png", "a/../../b.png", "a/../b.png", "..", "a\\..\\..\\b.png"])
def test_path_with_two_dots_is_refused(tmp_path: Path, path: str) -> None:
    assert refused(tmp_path, path) == f"{path!r} leaves the folder 'ROOT': a path holds no `..`."


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    draw_picture(root / "one.png")
    draw_picture(tmp_path / "outside" / "two.png")
    (root / "same.png").symlink_to("one.png")
    (root / "file.png").symlink_to(tmp_path / "outside" / "two.png")
    (root / "folder").symlink_to(tmp_path / "outside")
    assert read_media(root, "same.png", FieldKind.IMAGE).width == 240
    for path in ("file.png", "folder/two.png"):
        assert refused(root, path) == f"{path!r} is a link out of the folder 'ROOT', which no path may leave."


def test_link_that_is_put_in_place_of_a_file_opens_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    path = draw_picture(root / "one.png")
    media = read_media(root, "one.png", FieldKind.IMAGE)
    path.rename(tmp_path / "one.png")
    path.symlink_to(tmp_path / "one.png")
    with pytest.raises(MediaError, match="is a link out of the folder"):
        file_of(root, media)


@given(path=st.text(max_size=40))
def test_no_path_whatsoever_leads_out_of_the_folder(path: str) -> None:
    root = Path(__file__).parent
    value = Media(kind=FieldKind.IMAGE, path=path, digest="0" * 64, type="image/png", size=1)
    with pytest.raises(MediaError):
        file_of(root, value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    draw_picture(tmp_path / "receipt.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert refused(tmp_path, "reciept.png") == "'reciept.png' is not there. Did you mean receipt.png?"
    assert refused(tmp_path, "other/nothing.png") == "'other/nothing.png' is not there."
    assert refused(tmp_path, "pipe.png") == "'pipe.png' is not a file."
    assert refused(tmp_path, "") == "The path is empty."
    assert refused(tmp_path, "a\0.png") == "The path holds a zero byte."
    assert refused(tmp_path, "a" * 300 + ".png").endswith("can't be read: File name too long.")


def test_file_that_is_empty_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MOST_BYTES[FieldKind.IMAGE] + 1)
    assert refused(tmp_path, "empty.png") == "'empty.png' is empty: it holds zero bytes."
    assert refused(tmp_path, "large.png") == (
        "'large.png' holds 50,000,001 bytes; at most 50,000,000 are read of one file."
    )


def test_content_and_ending_must_agree(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one.png").rename(tmp_path / "one.jpg")
    (tmp_path / "page.png").write_bytes(write_pdf(tmp_path / "page.pdf").read_bytes())
    (tmp_path / "text.png").write_text("no picture at all")
    (tmp_path / "plain").write_bytes(draw_picture(tmp_path / "two.png").read_bytes())
    assert refused(tmp_path, "one.jpg") == "'one.jpg' holds image/png, and its ending is .jpg. Name it .png."
    assert refused(tmp_path, "page.png") == "'page.png' is a PDF. Declare the field as `pdf`."
    assert refused(tmp_path, "text.png").startswith("'text.png' is no picture that can be read. Read are JPEG")
    assert refused(tmp_path, "two.png", FieldKind.PDF) == "'two.png' is no PDF: it does not begin with %PDF-."
    assert refused(tmp_path, "two.png", FieldKind.AUDIO).startswith("'two.png' is no recording that is known.")
    assert read_media(tmp_path, "plain", FieldKind.IMAGE).type == "image/png"


@pytest.mark.parametrize(
    "content",
    [
        "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "\ufeff<?xml version='1.0'?>\n<!-- drawn --><svg onload='alert(1)'/>",
    ],
)
def test_svg_is_refused_by_name_whatever_its_ending(tmp_path: Path, content: str) -> None:
    for name in ("a.svg", "a.png"):
        (tmp_path / name).write_text(content)
        assert refused(tmp_path, name) == (
            f"{name!r} is SVG, a drawing that can hold scripts and load other files. Save it as PNG."
        )


def test_picture_of_many_pixels_is_refused_without_decoding_it(tmp_path: Path) -> None:
    for name, side in (("large.png", 9_000), ("bomb.png", 12_000), ("two.png", 14_143), ("worse.png", 60_000)):
        write_bomb(tmp_path / name, side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, side in (("large.png", "9,000"), ("bomb.png", "12,000")):
        assert refused(tmp_path, name) == (
            f"{name!r} is a picture of {side} x {side} pixels; at most 64,000,000 are read. Make it smaller, or cut it."
        )
    assert refused(tmp_path, "two.png") == "'two.png' is a picture of more than 64,000,000 pixels."
    assert refused(tmp_path, "worse.png") == "'worse.png' is a picture of more than 64,000,000 pixels."
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_file_that_is_two_things_is_refused_or_read_as_its_beginning(tmp_path: Path) -> None:
    script = b"<html><script>alert(1)</script></html>"
    picture = draw_picture(tmp_path / "two.png").read_bytes()
    (tmp_path / "both.png").write_bytes(picture + script)
    (tmp_path / "zip.png").write_bytes(picture + b"PK\x03\x04" + bytes(400))
    (tmp_path / "first.png").write_bytes(script + picture)
    (tmp_path / "page.jpg").write_bytes(script)
    (tmp_path / "drawn.png").write_bytes(gzip.compress(b"<svg onload='alert(1)'/>"))
    (tmp_path / "wide.png").write_bytes("<svg onload='alert(1)'/>".encode("utf-16"))
    (tmp_path / "scripted.png").write_bytes(b"GIF89a/*" + bytes(20) + b"*/=alert(1)")
    (tmp_path / "sound.wav").write_bytes(b"RIFF" + script + b"WAVE")
    for name in ("both.png", "zip.png"):
        value = read_media(tmp_path, name, FieldKind.IMAGE)
        drawn = thumbnail(file_of(tmp_path, value), value)
        assert drawn.startswith(b"\x89PNG")
        assert not any(bad in drawn for bad in (b"script", b"PK\x03\x04"))
    for name in ("first.png", "page.jpg", "drawn.png", "wide.png"):
        assert refused(tmp_path, name).startswith(f"{name!r} is no picture that can be read")
    assert refused(tmp_path, "scripted.png").startswith("'scripted.png' ")
    assert refused(tmp_path, "sound.wav", FieldKind.AUDIO).startswith("'sound.wav' is no recording that is known.")


def test_large_picture_takes_the_memory_of_one_however_small_its_file_is(tmp_path: Path) -> None:
    Image.new("P", (7_900, 7_900)).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size < 100_000
    program = (
        "import resource, sys; from concurrent.futures import ThreadPoolExecutor; from pathlib import Path\n"
        "from stagegap.media import read_media, thumbnail; from stagegap.model.media import FieldKind\n"
        "folder = Path(sys.argv[1]); value = read_media(folder, 'large.png', FieldKind.IMAGE)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        " list(pool.map(lambda _: thumbnail(folder / 'large.png', value), range(4)))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    told = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 200_000  # kilobytes; its pixels take 62 MB, and 250 MB as colours


def test_recording_says_its_seconds_where_its_format_does(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", 1.5)
    flac = b"fLaC\0\0\0\x22" + b"\0" * 10 + ((8_000 << 44) | 12_000).to_bytes(8, "big") + b"\0" * 16
    (tmp_path / "tone.flac").write_bytes(flac)
    (tmp_path / "stream.flac").write_bytes(flac[:18] + bytes(8) + flac[26:])
    (tmp_path / "short.flac").write_bytes(flac[:20])
    heads = {"a.ogg": b"OggS\0", "b.mp3": b"ID3\x04", "c.mp3": b"\xff\xfb\x90\x00", "d.m4a": b"\0\0\0\x20ftypM4A "}
    for name, head in {**heads, "e.webm": b"\x1a\x45\xdf\xa3"}.items():
        (tmp_path / name).write_bytes(head + b"\0" * 40)
    assert read_media(tmp_path, "tone.wav", FieldKind.AUDIO).seconds == 1.5
    assert read_media(tmp_path, "tone.flac", FieldKind.AUDIO).seconds == 1.5
    for name in ("stream.flac", "short.flac", *heads, "e.webm"):
        assert read_media(tmp_path, name, FieldKind.AUDIO).seconds is None


def test_recording_that_breaks_off_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    whole = write_tone(tmp_path / "tone.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:-100])
    (tmp_path / "none.wav").write_bytes(whole[:36])
    (tmp_path / "odd.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + whole[36:])
    with_list = whole[:12] + b"LIST\x03\0\0\0abc\0" + whole[12:]
    (tmp_path / "list.wav").write_bytes(with_list)
    (tmp_path / "piped.wav").write_bytes(whole[:40] + b"\xff\xff\xff\xff" + whole[44:])
    assert refused(tmp_path, "cut.wav", FieldKind.AUDIO) == (
        "'cut.wav' is a recording that is cut off: 7,900 of 8,000 bytes are there."
    )
    for name in ("none.wav", "odd.wav"):
        assert refused(tmp_path, name, FieldKind.AUDIO) == f"{name!r} is a WAV file without sound in it."
    assert read_media(tmp_path, "list.wav", FieldKind.AUDIO).seconds == 0.5
    assert read_media(tmp_path, "piped.wav", FieldKind.AUDIO).seconds == 0.5


STILL = "which is not read. Save it as JPEG or PNG."


def boxed(*boxes: tuple[bytes, bytes]) -> bytes:
    return b"".join((len(body) + 8).to_bytes(4, "big") + name + body for name, body in boxes)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.heic", boxed((b"ftyp", b"heic\0\0\0\0mif1")), f"is a picture in HEIC, {STILL}"),
        ("a.avif", boxed((b"ftyp", b"avif\0\0\0\0")), f"is a picture in AVIF, {STILL}"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n", "is no picture that can be read. Read are JPEG, PNG, GIF, WEBP, BMP, TIFF."),
        ("https://a.example/b.png", b"", "is an address, and nothing is fetched. Save the file in 'ROOT'."),
        ("s3://bucket/b.png", b"", "is an address, and nothing is fetched. Save the file in 'ROOT'."),
        ("data:image/png;base64,AA==", b"", "is an address, and nothing is fetched. Save the file in 'ROOT'."),
        ("half\ud800.png", b"", "holds half a character, which no file's name does."),
    ],
)  # fmt: skip
def test_picture_that_is_not_read_says_what_it_is(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    if content:
        (tmp_path / name).write_bytes(content)
    assert refused(tmp_path, name) == f"{name!r} {sentence}"


VIDEO = boxed((b"ftyp", b"isom\0\0\0\0"), (b"free", b"\0" * 2_000), (b"moov", b"..hdlr" + bytes(8) + b"vide.."))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.mp4", VIDEO, "is a video"),
        (
            "b.mp4",
            VIDEO[:16] + b"\0\0\0\1free" + (2_016).to_bytes(8, "big") + b"\0" * 2_000 + VIDEO[-28:],
            "is a video",
        ),
        ("a.webm", b"\x1a\x45\xdf\xa3......V_VP9", "is a video"),
        ("a.m4a", boxed((b"ftyp", b"heic\0\0\0\0")), "is no recording that is known."),
        ("a.wav", b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 10_001, "is a WAV file without sound in it."),
    ],
)
def test_recording_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path, name, FieldKind.AUDIO).startswith(f"{name!r} {sentence}")


@pytest.mark.parametrize(
    "content",
    [
        VIDEO.replace(b"vide", b"soun") + b"a video of mine",
        VIDEO[:40],
        VIDEO[:16] + b"\0\0\0\2free",
        VIDEO[:16] + b"\0\0\0\x08free" * 10_001,
    ],
)
def test_mp4_without_pictures_is_a_recording(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.m4a").write_bytes(content)
    assert read_media(tmp_path, "a.m4a", FieldKind.AUDIO).type == "audio/mp4"


def test_wav_whose_header_contradicts_itself_is_refused(tmp_path: Path) -> None:
    whole = write_tone(tmp_path / "tone.wav").read_bytes()
    (tmp_path / "slow.wav").write_bytes(whole[:28] + (1).to_bytes(4, "little") + whole[32:])
    assert refused(tmp_path, "slow.wav", FieldKind.AUDIO) == (
        "'slow.wav' is a WAV file whose header contradicts itself: 8,000 samples a second of 2 bytes, and 1 bytes a "
        "second."
    )


@pytest.mark.parametrize(
    "name",
    ["new\nline.png", "\u202egnp.exe.png", "quo\"te'.png", "<b>&amp;.png", "a" * 251 + ".png", "%2e%2e.png", "-rf.png"],
)
def test_file_of_an_odd_name_is_a_file(tmp_path: Path, name: str) -> None:
    draw_picture(tmp_path / "a.png").rename(tmp_path / name)
    media = read_media(tmp_path, name, FieldKind.IMAGE)
    assert thumbnail(file_of(tmp_path, media), media)


def test_document_says_its_pages_and_the_size_of_the_first(tmp_path: Path) -> None:
    write_pdf(tmp_path / "two.pdf", pages=2, opens="app.alert(1)")
    media = read_media(tmp_path, "two.pdf", FieldKind.PDF)
    assert (media.type, media.pages, media.width, media.height) == ("application/pdf", 2, 300, 400)


def test_broken_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4\nand nothing more")
    write_pdf(tmp_path / "none.pdf", pages=0)
    no_page = write_pdf(tmp_path / "page.pdf").read_bytes().replace(b"/Type /Page /Parent", b"/Type /Pege /Porent")
    (tmp_path / "page.pdf").write_bytes(no_page)
    write_pdf(tmp_path / "long.pdf", pages=2_001)
    assert refused(tmp_path, "broken.pdf", FieldKind.PDF).startswith("'broken.pdf' is a PDF that is broken (")
    assert refused(tmp_path, "none.pdf", FieldKind.PDF).startswith("'none.pdf' is a PDF that is broken (")
    assert refused(tmp_path, "page.pdf", FieldKind.PDF).startswith("'page.pdf' is a PDF that is broken (")
    assert refused(tmp_path, "long.pdf", FieldKind.PDF) == "'long.pdf' has 2,001 pages; at most 2,000 are read."


def test_missing_extra_is_one_sentence_that_says_what_to_install(tmp_path: Path) -> None:
    draw_picture(tmp_path / "one.png")
    program = (
        "import sys; sys.modules['PIL'] = None; from pathlib import Path\n"
        "from importlib import util; find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'PIL' else find(name)\n"
        "from stagegap.errors import ConfigurationError\nfrom stagegap.media import read_media\n"
        "from stagegap.model.media import FieldKind\n"
        "try:\n read_media(Path(sys.argv[1]), 'one.png', FieldKind.IMAGE)\n"
        "except ConfigurationError as error:\n print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (
        told.stdout
        == "Reading pictures needs PIL, which is not installed: `pip install 'stagegap[media]'` brings it.\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        "a.png",
        {"media": "image"},
        {"media": "movie", "path": "a", "digest": "b", "type": "c", "bytes": 1},
        {"media": "image", "path": 3, "digest": "b", "type": "c", "bytes": 1},
        {"media": ["image"], "path": "a", "digest": "b", "type": "c", "bytes": 1},
    ],
)
def test_other_values_are_no_media(value: object) -> None:
    assert media_of(value) is None  # type: ignore[arg-type]  # what JSON may hold


def test_odd_facts_of_a_value_are_left_out() -> None:
    value = {"media": "audio", "path": "a", "digest": "b", "type": "c", "bytes": 1, "seconds": True, "width": "9"}
    media = media_of(value)
    assert media is not None
    assert (media.seconds, media.width) == (None, None)


def packed(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def still(form: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form, **options)
    return stream.getvalue()


def frames(count: int) -> bytes:
    """A GIF of many pictures."""
    whole = still("GIF", (400, 300), "P")
    head = 13 + 3 * (2 << (whole[10] & 7))
    return whole[:head] + whole[head:-1] * count + b";"


def wav(rate: int, seconds: int, *, channels: int = 1) -> bytes:
    """The head of a WAV file of 16 bits."""
    size = rate * seconds * 2
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + head + b"data" + struct.pack("<I", size)


BOMB = b"k\0\0" + zlib.compress(b"a" * 80_000_000, 1)
TINY = still("PNG")


@pytest.mark.parametrize(
    ("name", "kind", "content", "says"),
    [
        (
            "big.tif",
            "image",
            lambda: still("TIFF", (14_143, 14_143), "1", compression="group4"),
            "more than 64,000,000",
        ),
        ("big.png", "image", lambda: still("PNG", (14_143, 14_143), "1"), "more than 64,000,000"),
        (
            "big.gif",
            "image",
            lambda: still("GIF")[:6] + b"\xff\xff\xff\xff" + still("GIF")[10:],
            "more than 64,000,000",
        ),
        ("big.webp", "image", lambda: still("WEBP", (8_100, 8_100), lossless=True), "8,100 x 8,100 pixels; at most"),
        (
            "big.bmp",
            "image",
            lambda: still("BMP")[:18] + struct.pack("<ii", 2**31 - 1, -5) + still("BMP")[26:],
            "more than",
        ),
        ("many.gif", "image", lambda: frames(10_000), "drawn"),
        ("text.png", "image", lambda: TINY[:33] + packed(b"zTXt", BOMB) + TINY[33:], "no picture that can be read"),
        ("profile.png", "image", lambda: TINY[:33] + packed(b"iCCP", BOMB) + TINY[33:], "no picture that can be read"),
        ("page.png", "image", lambda: b"<html><script>alert(1)</script>", "no picture that can be read"),
        ("program.gif", "image", lambda: b"GIF89a=1;alert(1)//" + b"\0" * 50, "no picture that can be read"),
        ("tail.jpg", "image", lambda: still("JPEG")[:-2] + b"<script>alert(1)</script>\xff\xd9", "drawn"),
        ("packed.svg", "image", lambda: gzip.compress(b"<svg onload=alert(1)>"), "no picture that can be read"),
        ("wide.svg", "image", lambda: "<svg onload=alert(1)>".encode("utf-16"), "no picture that can be read"),
        ("shell.png", "image", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(ls) system", "no picture that can be read"),
        ("icon.png", "image", lambda: still("ICO", (32, 32)), "no picture that can be read"),
        ("slim.png", "image", lambda: still("PNG", (1, 60_000)), "drawn"),
        ('it\'s "1".png', "image", lambda: TINY, "drawn"),
        ("two\nlines.png", "image", lambda: TINY, "drawn"),
        ("<img src=x onerror=alert(1)>.png", "image", lambda: TINY, "drawn"),
        ("one.wav", "audio", lambda: wav(1, 50) + b"\0" * 100, "50.0 s"),
        ("none.wav", "audio", lambda: wav(0, 0), "without sound in it"),
        ("day.wav", "audio", lambda: wav(8_000, 36_000), "that is cut off: 0 of 576,000,000 bytes are there"),
        ("mute.wav", "audio", lambda: wav(8_000, 1, channels=0) + b"\0" * 16_000, "without sound in it"),
        ("list.mp3", "audio", lambda: b"#EXTM3U\nhttp://tracker.invalid/a.mp3", "no recording that is known"),
        ("list.wav", "audio", lambda: b"[playlist]\nFile1=http://tracker.invalid", "no recording that is known"),
        ("cut.wav", "audio", lambda: wav(8_000, 1)[:30], "is a WAV file"),
    ],
)
def test_hostile_file_is_a_sentence_or_a_picture_drawn_anew(
    tmp_path: Path, name: str, kind: str, content: Callable[[], bytes], says: str
) -> None:
    (tmp_path / name).write_bytes(content())
    try:
        media = read_media(tmp_path, name, FieldKind(kind))
        is_drawn = media.kind is FieldKind.IMAGE and len(thumbnail(file_of(tmp_path, media), media)) < 20_000
        heard = "drawn" if is_drawn else f"{media.seconds} s"
    except MediaError as error:
        heard = str(error)
    assert says in heard
    assert "alert" not in heard or name.startswith("<")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.98])
def test_picture_that_was_cut_anywhere_is_a_sentence_or_what_is_left_of_it(
    tmp_path: Path, form: str, part: float
) -> None:
    stream = io.BytesIO()
    Image.effect_noise((120, 90), 80).convert("RGB").save(stream, form)
    name = f"cut.{'jpg' if form == 'JPEG' else form.lower()}"
    (tmp_path / name).write_bytes(stream.getvalue()[: 3 + int(part * len(stream.getvalue()))])
    sentence = f"'{name}' is drawn"
    try:
        media = read_media(tmp_path, name, FieldKind.IMAGE)
        thumbnail(file_of(tmp_path, media), media)
    except MediaError as error:
        sentence = str(error)
    assert sentence.startswith(f"'{name}' ")
