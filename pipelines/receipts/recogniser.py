"""Where the lines of a receipt stand and what they say, by the neural models that come with RapidOCR, on a CPU."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

MARGIN = 0
"""Pixels around a line that are shown to the recogniser with it."""
ONE_THREAD = {"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "error"}
_models: list[Any] = []  # Any: RapidOCR's engine
_LOCK = threading.Lock()


def load() -> None:
    """Read the models, once."""
    engine()


def engine() -> Any:  # Any: RapidOCR's engine
    from rapidocr import RapidOCR

    with _LOCK:
        if not _models:
            _models.append(RapidOCR(params=ONE_THREAD))
    return _models[0]


def detect(photo: Path) -> list[dict[str, float]]:
    """The lines of a picture as upright rectangles, in the order of reading."""
    return detected(photo, engine())


def detected(photo: Path, model: Any) -> list[dict[str, float]]:
    """The same by a model."""
    picture = _pixels(photo)
    found = model(picture, use_det=True, use_cls=False, use_rec=False)
    height, width = picture.shape[:2]
    lines = []
    for corners in () if found.boxes is None else found.boxes:
        left, top = np.clip(corners.min(axis=0), 0, (width, height))
        right, bottom = np.clip(corners.max(axis=0), 0, (width, height))
        if right - left >= 1 and bottom - top >= 1:
            sides = {"x": left, "y": top, "w": right - left, "h": bottom - top}
            lines.append({name: round(float(side), 1) for name, side in sides.items()})
    return lines


def read(photo: Path, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each line says; lines without a character are left out."""
    return texts_of(photo, lines, engine())


def texts_of(photo: Path, lines: list[dict[str, Any]], model: Any) -> list[dict[str, Any]]:
    """The same by a model."""
    picture = _pixels(photo)
    pieces = [_piece(picture, line) for line in lines]
    seen = [place for place, piece in enumerate(pieces) if piece.size]
    if not seen:
        return []
    texts = model.recognize_txt([pieces[place] for place in seen]).txts
    said = zip(seen, texts, strict=True)
    return [{**{side: lines[place][side] for side in "xywh"}, "text": text} for place, text in said if text.strip()]


def _pixels(photo: Path) -> Any:  # Any: numpy's array of bytes
    with Image.open(photo) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))[:, :, ::-1]


def _piece(picture: Any, line: dict[str, float]) -> Any:  # Any: numpy's array of bytes
    left, top = max(0, round(line["x"]) - MARGIN), max(0, round(line["y"]) - MARGIN)
    right, bottom = round(line["x"] + line["w"]) + MARGIN, round(line["y"] + line["h"]) + MARGIN
    return np.ascontiguousarray(picture[top:bottom, left:right])
