"""What comes back over a model's connection: no more than fits, and what its headers say about limits."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx2

MOST_BYTES = 10_000_000
"""An answer larger than this, decompressed, is given up: it may come from anywhere and must not fill the memory."""
_ANY_HEADER = zlib.MAX_WBITS | 32
"""Lets zlib find out by itself whether it is gzip or deflate."""

Heed = Callable[[Mapping[str, str]], None]


class TooLarge(Exception):
    """An answer that goes beyond the limit."""

    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {MOST_BYTES:,} bytes")


class Unasked(Exception):
    """An answer in an encoding that nobody asked for and that can't be read within bounds."""


def bounded(heed: Heed) -> Callable[[httpx2.Response], Awaitable[None]]:
    """A response hook of the client that hands the headers on and lets no more than the limit through."""

    async def hook(response: httpx2.Response) -> None:
        heed(response.headers)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream), "it is the hook of an asynchronous client"
        # Taken away, so that the client does not decompress a second time and without bounds.
        encoding = response.headers.pop("content-encoding", "identity").strip().lower()
        response.stream = _Bounded(stream, encoding)

    return hook


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error once it is too large."""

    def __init__(self, stream: httpx2.AsyncByteStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding == "identity":
            left = MOST_BYTES
            async for part in self._stream:
                left -= len(part)
                if left < 0:
                    raise TooLarge
                yield part
        else:
            async for part in self._inflated():
                yield part

    async def _inflated(self) -> AsyncIterator[bytes]:
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise Unasked(f"the answer is encoded as {self._encoding!r}, which was not asked for")
        left, inflater = MOST_BYTES, zlib.decompressobj(_ANY_HEADER)
        async for part in self._stream:
            try:
                piece = inflater.decompress(part, left + 1)
            except zlib.error as error:
                raise Unasked(f"the answer can't be decompressed: {error}") from None
            left -= len(piece)
            if left < 0:
                raise TooLarge
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
