"""PDF, read and drawn in a process beside this one: what a document costs its reader in memory and time ends there."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stagegap.errors import MediaError, require

if TYPE_CHECKING:
    from PIL import Image

EXTRA = "media"
MOST_PAGES = 2_000
MOST_MEMORY = 1_000_000_000
"""Bytes that the process may take: a stream of some kilobytes can unpack to gigabytes."""
MOST_S = 20.0
"""Seconds for a document or a page: drawings can draw themselves without an end."""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from stagegap.media.documents import serve; "
    "serve(int(sys.argv[1]))"
)


class Page(NamedTuple):
    """What is known of a document and, where it was drawn, a page of it."""

    pages: int
    width: float
    """Of the page that was asked for, in points."""
    height: float
    size: tuple[int, int] = (0, 0)
    """In pixels."""
    pixels: bytes = b""
    """RGB."""


class _Reader:
    """The process: started when it is first asked, and again after it ended. It answers one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # PDFium works in one thread at a time
        self._pipe: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, path: Path, page: int, side: int) -> Page | str:
        """A page, or why there is none, as the end of a sentence."""
        with self._lock:
            pipe = self._started()
            try:
                pipe.send((str(path), page, side))
                if not pipe.poll(MOST_S):
                    self.end()
                    return f"takes more than {MOST_S:g} seconds to be drawn"
                answer: Page | str = pipe.recv()
            except (EOFError, OSError):
                self.end()
                return f"takes more than {MOST_MEMORY // 10**9:,} GB of memory, or breaks its reader"
            return answer

    def _started(self) -> Connection:
        if self._pipe is not None and self._owner == os.getpid():  # a copy of this process has its own
            return self._pipe
        ours, theirs = Pipe()
        words = [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(sys.path)]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()
        self._pipe, self._owner = ours, os.getpid()
        return ours

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._pipe is not None and self._process is not None and self._owner == os.getpid():
            self._pipe.close()
            self._process.kill()
            self._process.wait()
        self._pipe = self._process = None


_READER = _Reader()
atexit.register(_READER.end)


def read_document(path: Path) -> Page:
    """How many pages a PDF has, and the size of the first. Raises: MediaError, ConfigurationError."""
    return _asked(path, 1, 0)


def drawn_page(path: Path, page: int, side: int) -> Image.Image:
    """A page whose longer side has `side` pixels. Raises: MediaError for one that is not there or can't be drawn."""
    from PIL import Image

    drawn = _asked(path, page, side)
    return Image.frombytes("RGB", drawn.size, drawn.pixels)


def _asked(path: Path, page: int, side: int) -> Page:
    require("pypdfium2", "Reading PDF", extra=EXTRA)
    answer = _READER.ask(path, page, side)
    if isinstance(answer, str):
        raise MediaError(f"{path.name!r} {answer}.")
    return answer


def answer(path: str, page: int, side: int) -> Page | str:
    """A page of a document, drawn where `side` is above 0; or why there is none, as the end of a sentence."""
    pdfium: Any = import_module("pypdfium2")  # Any: it comes without types
    try:
        with closing(pdfium.PdfDocument(path)) as document:
            pages = len(document)
            if pages > MOST_PAGES:
                return f"has {pages:,} pages; at most {MOST_PAGES:,} are read"
            if not 1 <= page <= max(1, pages):
                return f"has {pages} pages, and no page {page}"
            width, height = document.get_page_size(page - 1)
            if not side:
                return Page(pages, width, height)
            drawn = document[page - 1].render(scale=side / max(width, height, 1.0)).to_pil().convert("RGB")
            return Page(pages, width, height, drawn.size, drawn.tobytes())
    except MemoryError:
        return f"takes more than {MOST_MEMORY // 10**9:,} GB of memory"
    except RuntimeError as error:  # PdfiumError is one
        if "password" in str(error).lower():
            return "is a PDF that needs a password. Save it without one"
        return f"is a PDF that is broken ({' '.join(str(error).split())[:120]})"


def serve(number: int) -> None:
    """Answer through a pipe until its other end is closed: the work of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is meant for whoever asks
    with contextlib.suppress(ImportError, ValueError, OSError):  # no such limit, or a lower one stands
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe = Connection(number)
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(answer(*pipe.recv()))
