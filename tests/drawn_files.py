"""Files that tests draw themselves: pictures, recordings, documents."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw


def draw_picture(path: Path, text: str = "TOTAL 12.50", *, size: tuple[int, int] = (240, 80)) -> Path:
    """A white picture with a line of text; its ending says the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).text((10, 20), text, fill="black", font_size=28)
    picture.save(path)
    return path


def write_tone(path: Path, seconds: float = 0.5, *, rate: int = 8_000) -> Path:
    """A WAV file of 16 bits with one channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = b"".join(struct.pack("<h", (n % 20 - 10) * 1_000) for n in range(int(seconds * rate)))
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    path.write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(sound)) + b"WAVE" + head + b"data" + struct.pack("<I", len(sound)) + sound
    )
    return path


def write_pdf(path: Path, *, pages: int = 1, size: tuple[int, int] = (300, 400), opens: str = "") -> Path:
    """A PDF with a black square on each page; `opens` is JavaScript that a careless reader would run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    square = b"0 0 0 rg 50 50 100 100 re f"
    kids = " ".join(f"{4 + page} 0 R" for page in range(pages))
    action = f" /OpenAction << /S /JavaScript /JS ({opens}) >>" if opens else ""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R{action} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(square), square),
        *[b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 3 0 R >>" % size for _ in range(pages)],
    ]
    content = b"%PDF-1.4\n"
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % place for place in places)
    content += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    path.write_bytes(content)
    return path


def write_bomb(path: Path, side: int) -> Path:
    """A PNG of a few bytes that says it has `side` by `side` pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    path.write_bytes(content + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b""))
    return path
