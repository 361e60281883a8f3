"""The detector and the recogniser that came with RapidOCR 3.4 (PP-OCRv4 mobile), in place of those of today.

RECEIPTS_OLDER is the folder with its models, which lie in `rapidocr/models` of that wheel.
"""

import os
import threading
from pathlib import Path
from typing import Any

import recogniser

_LOCK = threading.Lock()
_models: dict[str, Any] = {}  # Any: RapidOCR's engine


def engine(part: str) -> Any:  # Any: RapidOCR's engine
    from rapidocr import ModelType, OCRVersion, RapidOCR

    name = part.capitalize()
    with _LOCK:
        if part not in _models:
            model = Path(os.environ["RECEIPTS_OLDER"]) / f"ch_PP-OCRv4_{part}_infer.onnx"
            own = {f"{name}.model_path": str(model), f"{name}.ocr_version": OCRVersion.PPOCRV4}
            _models[part] = RapidOCR(params={**recogniser.ONE_THREAD, **own, f"{name}.model_type": ModelType.MOBILE})
    return _models[part]


def detect(photo: Path) -> list[dict[str, float]]:
    """The lines of a picture as upright rectangles, in the order of reading."""
    return recogniser.detected(photo, engine("det"))


def read(photo: Path, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each line says; lines without a character are left out."""
    return recogniser.texts_of(photo, lines, engine("rec"))
