from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from drawn_files import draw_picture, write_pdf, write_tone
from stagegap.errors import MediaError
from stagegap.media import read_media
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Source, Stage
from stagegap.model.media import FieldKind
from stagegap.stages.attachments import Question, followed_by, in_chat, in_responses, in_words, question
from stagegap.stages.foundation import build
from stagegap.stages.llm import LlmStage
from stagegap.stages.protocol import Inputs
from stagegap.stages.templates import Prompt

HOSTILE = "0123456789abcdef" * 4


def inputs(root: Path, *names: str, kind: FieldKind = FieldKind.IMAGE) -> dict[str, Any]:
    return {f"f{n}": read_media(root, name, kind).as_value() for n, name in enumerate(names)}


def prompt(root: Path, text: str, given: Inputs) -> Prompt:
    (root / "prompt.j2").write_text(text)
    sources = {name: Source("record", name) for name in given}
    stage = Stage(name="s", uses="llm", inputs=sources, output=OutputType(kind=Kind.TEXT), metrics=("chrf",))
    return Prompt(stage, path=root / "prompt.j2")


def asked(root: Path, text: str, given: Inputs) -> Question:
    return question(prompt(root, text, given).fill, given, root)


def test_picture_goes_where_the_prompt_writes_it(tmp_path: Path) -> None:
    content = draw_picture(tmp_path / "a.png").read_bytes()
    given = {**inputs(tmp_path, "a.png"), "text": HOSTILE}
    parts: Any = in_chat(asked(tmp_path, "See {{ f0 }} ({{ f0.width }} wide): {{ text }}", given))
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    assert parts == [
        {"type": "text", "text": "See "},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": f" (240 wide): {HOSTILE}"},
    ]
    parts = in_responses(asked(tmp_path, "{{ f0 }}?", given))
    assert parts == [{"type": "input_image", "image_url": url}, {"type": "input_text", "text": "?"}]


def test_prompt_that_writes_no_file_is_a_text_and_a_loop_writes_several(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    given = inputs(tmp_path, "a.png")
    assert asked(tmp_path, "{{ f0.width }}", given) == "240"
    assert question(prompt(tmp_path, "hello", given).fill, given, None) == "hello"
    pages = {"pages": [given["f0"], given["f0"]]}
    parts: Any = in_chat(asked(tmp_path, "{% for page in pages %}{{ page }}{% endfor %}", pages))
    assert [part["type"] for part in parts] == ["image_url", "image_url"]


def test_each_kind_of_file_is_the_part_that_the_interface_has_for_it(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    (tmp_path / "b.mp3").write_bytes(b"ID3\x04" + bytes(40))
    write_pdf(tmp_path / "c.pdf")
    draw_picture(tmp_path / "d.bmp")
    sounds = asked(tmp_path, "{{ f0 }}{{ f1 }}", inputs(tmp_path, "a.wav", "b.mp3", kind=FieldKind.AUDIO))
    parts: Any = in_chat(sounds)
    assert [part["input_audio"]["format"] for part in parts] == ["wav", "mp3"]
    with pytest.raises(MediaError, match="takes no recordings"):
        in_responses(sounds)
    document = asked(tmp_path, "{{ f0 }}", inputs(tmp_path, "c.pdf", kind=FieldKind.PDF))
    chat_parts: Any = in_chat(document)
    response_parts: Any = in_responses(document)
    [chat_part], [response_part] = chat_parts, response_parts
    assert chat_part["file"]["filename"] == response_part["filename"] == "c.pdf"
    assert response_part["file_data"].startswith("data:application/pdf;base64,")
    picture: Any = in_chat(asked(tmp_path, "{{ f0 }}", inputs(tmp_path, "d.bmp")))
    assert picture[0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_what_can_not_be_sent_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(b"OggS" + bytes(40))
    with pytest.raises(MediaError, match=r"'a\.ogg' is audio/ogg; models take WAV and MP3"):
        asked(tmp_path, "{{ f0 }}", inputs(tmp_path, "a.ogg", kind=FieldKind.AUDIO))
    draw_picture(tmp_path / "a.png")
    large = inputs(tmp_path, "a.png")
    large["f0"]["bytes"] = 30_000_000
    with pytest.raises(MediaError, match="hold more than 20,000,000 bytes together"):
        asked(tmp_path, "{{ f0 }}", large)
    changed = inputs(tmp_path, "a.png")
    draw_picture(tmp_path / "a.png", "another")
    with pytest.raises(MediaError, match="was changed since it was read"):
        asked(tmp_path, "{{ f0 }}", changed)


def test_people_are_shown_kind_and_path_and_a_text_can_follow(tmp_path: Path) -> None:
    draw_picture(tmp_path / "a.png")
    given = inputs(tmp_path, "a.png")
    assert prompt(tmp_path, "See {{ f0 }}", given).fill(in_words(given)) == "See [image: a.png]"
    assert followed_by("ask", "\n\nJSON") == "ask\n\nJSON"
    assert in_chat(followed_by(("ask",), "\n\nJSON")) == [
        {"type": "text", "text": "ask"},
        {"type": "text", "text": "JSON"},
    ]


def test_question_that_can_not_be_put_is_the_record_s_own_failure(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    given = inputs(tmp_path, "a.wav", kind=FieldKind.AUDIO)
    (tmp_path / "prompt.j2").write_text("{{ f0 }}")
    stage = Stage(
        name="s",
        uses="llm",
        inputs={"f0": Source("record", "f0")},
        output=OutputType(kind=Kind.TEXT),
        metrics=("chrf",),
        parameters={"model": "m", "prompt": "prompt.j2", "base_url": "http://127.0.0.1:9/v1", "api": "responses"},
    )
    built = build(stage, folder=tmp_path, corpora={}, environment={}, media=tmp_path)
    assert isinstance(built, LlmStage)
    reply = asyncio.run(built.answer(given))
    assert (reply.status, reply.is_reusable) == (Status.UNPARSABLE, False)
    assert reply.error == "The responses interface takes no recordings. Leave `api` out."
