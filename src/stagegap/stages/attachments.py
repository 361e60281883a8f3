"""Pictures, recordings and documents among a stage's inputs, as the code that is called wants them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from stagegap.errors import MediaError
from stagegap.media import file_of, media_of_output, thumbnail
from stagegap.model.canonical import canonical
from stagegap.model.media import FieldKind, Media, media_of
from stagegap.model.record import Json
from stagegap.stages.acceptance import Accepted, Check, Rejected
from stagegap.stages.protocol import Inputs


def with_paths(inputs: Inputs, root: Path | None) -> Mapping[str, object]:
    """The inputs with each file as its path; as they are where the records have none, which `root` None says.

    Raises: MediaError for a file that is gone or was changed since the records were read.
    """
    return inputs if root is None else with_files(inputs, lambda media: file_of(root, media))


def with_path_texts(inputs: Inputs, root: Path | None) -> Inputs:
    """The same with paths as texts, for programs of any language. Raises: MediaError."""
    return inputs if root is None else cast("Inputs", with_files(inputs, lambda media: str(file_of(root, media))))


def with_files(inputs: Inputs, make: Callable[[Media], object]) -> Mapping[str, object]:
    """The inputs with what is made of each file in its place, however deep it lies."""

    def made(value: object) -> object:
        media = media_of(cast("Json", value))
        return None if media is None else make(media)

    return {name: _replaced(value, made) for name, value in inputs.items()}


def _replaced(value: object, make: Callable[[object], object]) -> object:
    """The value with what is made of its parts, however deep they lie; parts of which nothing (None) is made stay."""
    instead = make(value)
    if instead is not None:
        return instead
    if isinstance(value, Mapping):
        return {key: _replaced(entry, make) for key, entry in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_replaced(entry, make) for entry in cast("Sequence[object]", value)]
    return value


def check_of_files(check: Check, root: Path | None) -> Check:
    """The check of an output whose paths and pictures, however deep, become files; as it is where records have none."""
    if root is None:
        return check

    def made(value: object) -> object:
        media = media_of_output(root, value)
        return None if media is None else media.as_value()

    def check_value(value: object) -> Accepted | Rejected:
        try:
            return check(_replaced(value, made))
        except MediaError as error:
            return Rejected(str(error))

    return check_value


MOST_SENT = 20_000_000
"""Bytes of all files that go with one question."""
DIRECT = ("image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf", "audio/wav", "audio/mpeg")
"""What models take as it is; other pictures are sent as PNG."""
LARGEST_SIDE = 2_048
"""Pixels of the longer side of a picture that is sent as PNG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that goes with a question."""

    kind: FieldKind
    name: str
    type: str
    content: str
    """Base64."""

    @property
    def url(self) -> str:
        """The file as a data URL."""
        return f"data:{self.type};base64,{self.content}"


Question: TypeAlias = "str | tuple[str | Attached, ...]"
"""What a model is asked: a text, or texts and files in their order."""


class Named(dict[str, Json]):
    """A file among the variables of a prompt: its facts, and a mark where it is written."""

    def __init__(self, value: Mapping[str, Json], mark: str) -> None:
        super().__init__(value)
        self._mark = mark

    def __str__(self) -> str:
        return self._mark


def in_words(inputs: Inputs) -> Inputs:
    """The inputs of a prompt that is shown to people: a file is written as its kind and path."""
    return cast("Inputs", with_files(inputs, lambda media: Named(media.as_value(), f"[{media.kind}: {media.path}]")))


def question(fill: Callable[[Inputs], str], inputs: Inputs, root: Path | None) -> Question:
    """The text that a prompt makes of the inputs, with the files that it writes in their places.

    Nobody who writes a record knows the mark by which a file's place is found. Raises: what `fill` raises; MediaError
    for files that are gone, changed, too large together or of a type that no model takes.
    """
    if root is None:
        return fill(inputs)
    nonce = secrets.token_hex(16)
    files: list[Media] = []

    def marked(media: Media) -> Named:
        files.append(media)
        return Named(media.as_value(), f"{nonce}{len(files) - 1}{nonce}")

    pieces = fill(cast("Inputs", with_files(inputs, marked))).split(nonce)
    if len(pieces) == 1:
        return pieces[0]
    # Between two marks stands the number of a file, so texts and numbers alternate.
    named = [files[int(number)] for number in pieces[1::2]]
    _hold_size(named)
    parts: list[str | Attached] = [pieces[0]]
    for media, text in zip(named, pieces[2::2], strict=True):
        parts += [_attached(media, root), text]
    return tuple(part for part in parts if part)


def multipart(body: Mapping[str, Json], root: Path | None) -> tuple[bytes, str] | None:
    """What a service is sent where files are among it, and its content type: `multipart/form-data`, a part a key.

    Texts go as they are, other values as JSON, what is null not at all; the same body gives the same bytes. None
    without files. Raises: MediaError for a file inside of another value, and as `question`.
    """
    files: list[Media] = []
    with_files({} if root is None else body, files.append)
    if root is None or not files:
        return None
    if len(files) > sum(media_of(value) is not None for value in body.values()):
        raise MediaError("A file stands inside of a list or object. Send it under a key of its own.")
    _hold_size(files)
    parts = [_part(name, value, root) for name, value in body.items() if value is not None]
    boundary = hashlib.sha256(b"\n".join(parts)).hexdigest()[:40]
    line = f"--{boundary}".encode()
    content = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    return content, f"multipart/form-data; boundary={boundary}"


def _part(name: str, value: Json, root: Path) -> bytes:
    head, media = f'Content-Disposition: form-data; name="{_quoted(name)}"', media_of(value)
    if media is not None:
        path = file_of(root, media)
        head += f'; filename="{_quoted(path.name)}"\r\nContent-Type: {media.type}'
        return f"{head}\r\n\r\n".encode() + path.read_bytes()
    if isinstance(value, str):
        return f"{head}\r\n\r\n{value}".encode()
    return f"{head}\r\nContent-Type: application/json\r\n\r\n".encode() + canonical(value)


def _quoted(name: str) -> str:
    """A name inside quotes, as browsers write it (HTML, 4.10.21.8)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _hold_size(files: Sequence[Media]) -> None:
    if sum(media.size for media in files) > MOST_SENT:
        raise MediaError(f"The files of the question hold more than {MOST_SENT:,} bytes together.")


def _attached(media: Media, root: Path) -> Attached:
    path = file_of(root, media)
    kind = media.type
    if kind in DIRECT:
        content = path.read_bytes()
    elif media.kind is FieldKind.IMAGE:
        content, kind = thumbnail(path, media, most=LARGEST_SIDE), "image/png"
    else:
        raise MediaError(f"{media.path!r} is {media.type}; models take WAV and MP3.")
    name = path.name
    return Attached(kind=media.kind, name=name, type=kind, content=base64.b64encode(content).decode("ascii"))


def in_chat(asked: Question) -> Json:
    """The content of a message of chat completions."""
    return asked if isinstance(asked, str) else [_chat_part(part) for part in asked]


def _chat_part(part: str | Attached) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    match part.kind:
        case FieldKind.AUDIO:
            form = "mp3" if part.type == "audio/mpeg" else "wav"
            return {"type": "input_audio", "input_audio": {"data": part.content, "format": form}}
        case FieldKind.PDF:
            return {"type": "file", "file": {"filename": part.name, "file_data": part.url}}
        case _:
            return {"type": "image_url", "image_url": {"url": part.url}}


def in_responses(asked: Question) -> Json:
    """The content of an item of the responses interface. Raises: MediaError for a recording, which it does not take."""
    return asked if isinstance(asked, str) else [_response_part(part) for part in asked]


def _response_part(part: str | Attached) -> Json:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    match part.kind:
        case FieldKind.AUDIO:
            raise MediaError("The responses interface takes no recordings. Leave `api` out.")
        case FieldKind.PDF:
            return {"type": "input_file", "filename": part.name, "file_data": part.url}
        case _:
            return {"type": "input_image", "image_url": part.url}


def followed_by(asked: Question, text: str) -> Question:
    """The question with a text at its end."""
    return f"{asked}{text}" if isinstance(asked, str) else (*asked, text.lstrip())
