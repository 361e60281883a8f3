from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from PIL import Image

from drawn_files import draw_picture, write_pdf, write_tone
from stagegap.errors import MediaError
from stagegap.media import crop, damage, file_of, inlined, read_media, thumbnail
from stagegap.model.media import FieldKind, Media


def read(root: Path, path: str, kind: FieldKind = FieldKind.IMAGE) -> tuple[Path, Media]:
    media = read_media(root, path, kind)
    return file_of(root, media), media


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    assert picture.format in ("PNG", "JPEG")
    return picture.convert("RGB")


def dark_box(picture: Image.Image) -> tuple[int, int, int, int] | None:
    return picture.convert("L").point([255] * 128 + [0] * 128).getbbox()


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "bmp", "tif"])
def test_thumbnail_keeps_the_shape_and_is_never_larger_than_asked(tmp_path: Path, ending: str) -> None:
    draw_picture(tmp_path / f"one.{ending}", size=(1_200, 300))
    path, media = read(tmp_path, f"one.{ending}")
    assert opened(thumbnail(path, media, most=100)).size == (100, 25)
    assert opened(thumbnail(path, media, most=5_000)).size == (1_200, 300)
    assert max(opened(thumbnail(path, media, most=-3)).size) == 1


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_picture_on_its_side_is_drawn_upright_and_measured_so(tmp_path: Path, ending: str) -> None:
    upright = Image.new("RGB", (200, 100), "white")
    upright.paste("black", (0, 0, 40, 40))  # dark at the left, above
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees to the right when it is shown
    upright.rotate(90, expand=True).save(tmp_path / f"turned.{ending}", exif=exif)
    path, media = read(tmp_path, f"turned.{ending}")
    assert (media.width, media.height) == (200, 100)
    small = opened(thumbnail(path, media, most=200))
    assert small.size == (200, 100)
    assert dark_box(small) == pytest.approx((0, 0, 40, 40), abs=2)


@pytest.mark.parametrize(
    ("mode", "levels", "ending", "drawn"),
    [
        ("I;16", (0, 32_768), "png", (0, 127)),
        ("I;16", (0, 32_768), "tif", (0, 127)),
        ("I", (-1_000, 9_000), "tif", (0, 255)),
        ("F", (0.0, 0.5), "tif", (0, 255)),
        ("F", (0.0, float("nan")), "tif", (0, 0)),
        ("CMYK", ((0, 0, 0, 255), (0, 0, 0, 0)), "jpg", (0, 255)),
        ("1", (0, 1), "png", (0, 255)),
    ],
)
def test_picture_of_other_levels_is_drawn_from_dark_to_light(
    tmp_path: Path, mode: str, levels: tuple[float, float], ending: str, drawn: tuple[int, int]
) -> None:
    picture = Image.new(mode, (32, 16), levels[0])
    picture.paste(Image.new(mode, (16, 16), levels[1]), (16, 0))
    picture.save(tmp_path / f"deep.{ending}")
    shown = opened(thumbnail(*read(tmp_path, f"deep.{ending}"))).convert("L")
    assert (shown.getpixel((4, 8)), shown.getpixel((28, 8))) == pytest.approx(drawn, abs=2)


@pytest.mark.parametrize("ending", ["gif", "webp", "tif"])
def test_first_picture_of_several_counts(tmp_path: Path, ending: str) -> None:
    first, *others = (Image.new("RGB", (20, 10), colour) for colour in ("black", "white", "white"))
    first.save(tmp_path / f"many.{ending}", save_all=True, append_images=others)
    assert opened(thumbnail(*read(tmp_path, f"many.{ending}"))).convert("L").getextrema() == (0, 0)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbagegarbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0"])
def test_orientation_that_can_not_be_read_turns_nothing(tmp_path: Path, exif: bytes) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "odd.png", exif=exif)
    path, media = read(tmp_path, "odd.png")
    assert (media.width, media.height) == opened(thumbnail(path, media)).size == (20, 10)


def test_rectangle_is_cut_in_pixels_of_the_source(tmp_path: Path) -> None:
    picture = Image.new("RGB", (400, 300), "white")
    picture.paste("black", (100, 50, 180, 90))
    picture.save(tmp_path / "one.png")
    path, media = read(tmp_path, "one.png")
    piece = opened(crop(path, media, (100, 50, 80, 40)))
    assert piece.size == (80, 40)
    assert piece.getextrema() == ((0, 0), (0, 0), (0, 0))
    assert opened(crop(path, media, (350.5, 250, 900, 900))).size == (50, 50)
    assert opened(crop(path, media, (0, 0, 400, 300), most=40)).size == (40, 30)
    for outside in ((400, 0, 10, 10), (-20, -20, 10, 10), (5, 5, 0, 0)):
        with pytest.raises(MediaError, match=r"lies outside 'one\.png'"):
            crop(path, media, outside)


def test_transparent_picture_stays_so(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    path, media = read(tmp_path, "clear.png")
    assert Image.open(io.BytesIO(thumbnail(path, media))).mode == "RGBA"


def test_light_picture_is_a_jpeg_on_white_and_holds_itself_in_its_address(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 10), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    path, media = read(tmp_path, "clear.png")
    picture = Image.open(io.BytesIO(thumbnail(path, media, is_light=True)))
    assert (picture.format, picture.size, picture.getpixel((5, 5))) == ("JPEG", (20, 10), (255, 255, 255))
    address = inlined(tmp_path, media)
    assert address.startswith("data:image/jpeg,%FF%D8")
    assert unquote_to_bytes(address.partition(",")[2]) == thumbnail(path, media, most=160, is_light=True)
    path.unlink()
    assert inlined(tmp_path, media) == ""


def test_picture_that_breaks_off_is_a_sentence(tmp_path: Path) -> None:
    whole = draw_picture(tmp_path / "one.jpg", size=(600, 600)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    path, media = read(tmp_path, "cut.jpg")
    with pytest.raises(MediaError, match=r"'cut\.jpg' breaks off or is damaged"):
        thumbnail(path, media)


def found_in(folder: Path, name: str) -> tuple[bool | None, bool | None]:
    """Whether there is nothing in a file, and whether it breaks off."""
    kind = FieldKind.AUDIO if name.endswith(".wav") else FieldKind.PDF if name.endswith(".pdf") else FieldKind.IMAGE
    return damage(folder, read_media(folder, name, kind))


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "bmp"])
def test_picture_of_one_colour_has_nothing_in_it_and_one_without_its_end_breaks_off(
    tmp_path: Path, ending: str
) -> None:
    whole = draw_picture(tmp_path / f"one.{ending}", size=(600, 600)).read_bytes()
    Image.new("RGB", (600, 600), "ivory").save(tmp_path / f"plain.{ending}")
    knows_its_end = ending in ("png", "jpg", "gif")  # a WebP without its end is refused when it is read
    assert found_in(tmp_path, f"one.{ending}") == (False, False if knows_its_end else None)
    assert found_in(tmp_path, f"plain.{ending}") == (True, False if knows_its_end else None)
    if knows_its_end:
        (tmp_path / f"cut.{ending}").write_bytes(whole[: len(whole) * 2 // 3].replace(b";", b":"))
        assert found_in(tmp_path, f"cut.{ending}") == (False, True)
    (tmp_path / f"more.{ending}").write_bytes(whole + b"what a camera writes behind it")
    assert found_in(tmp_path, f"more.{ending}")[1] is not True


def test_recording_is_silent_where_no_sample_is_loud(tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "tone.wav").read_bytes()
    (tmp_path / "silent.wav").write_bytes(tone[:44] + b"\x03\0" * 4_000)
    (tmp_path / "bytes.wav").write_bytes(tone[:34] + b"\x08\0" + tone[36:])
    (tmp_path / "floats.wav").write_bytes(tone[:20] + b"\x03\0" + tone[22:])
    assert found_in(tmp_path, "tone.wav") == (False, None)
    assert found_in(tmp_path, "silent.wav") == (True, None)
    assert found_in(tmp_path, "bytes.wav") == (None, None)
    assert found_in(tmp_path, "floats.wav") == (None, None)


def test_document_is_not_looked_into_and_what_was_changed_tells_nothing(tmp_path: Path) -> None:
    write_pdf(tmp_path / "one.pdf")
    assert found_in(tmp_path, "one.pdf") == (None, None)
    draw_picture(tmp_path / "one.png")
    media = read_media(tmp_path, "one.png", FieldKind.IMAGE)
    (tmp_path / "one.png").unlink()
    assert damage(tmp_path, media) == (None, None)


def test_page_of_a_document_is_drawn_and_cut_in_points(tmp_path: Path) -> None:
    write_pdf(tmp_path / "two.pdf", pages=2, opens="app.alert(1)")
    path, media = read(tmp_path, "two.pdf", FieldKind.PDF)
    page = opened(thumbnail(path, media, most=400, page=2))
    assert page.size == (300, 400)
    assert dark_box(page) == pytest.approx((50, 250, 150, 350), abs=1)  # PDF counts from below
    piece = opened(crop(path, media, (50, 250, 100, 100), page=1))
    assert dark_box(piece) == (0, 0, *piece.size)
    for number in (0, 3):
        with pytest.raises(MediaError, match=f"has 2 pages, and no page {number}"):
            thumbnail(path, media, page=number)


def test_recording_has_no_picture(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav")
    path, media = read(tmp_path, "tone.wav", FieldKind.AUDIO)
    with pytest.raises(MediaError, match="is a recording, which has no picture"):
        thumbnail(path, media)
