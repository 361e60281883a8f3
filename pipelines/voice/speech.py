"""Where somebody speaks, what they say, and whether they name playing cards: by pocketsphinx and a rule, on a CPU."""

import io
import threading
import wave
from pathlib import Path
from typing import Any

CARDS = frozenset({"ace", "king", "queen", "jack", "clubs", "hearts", "spades", "diamonds"})
NUMBERS = frozenset({"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"})
_LOCK = threading.Lock()
_models: list[Any] = []  # Any: pocketsphinx has no types


def load() -> None:
    """Read the English model, once."""
    decoder()


def decoder() -> Any:  # Any: pocketsphinx has no types
    from pocketsphinx import Decoder

    with _LOCK:
        if not _models:
            _models.append(Decoder(loglevel="FATAL"))
    return _models[0]


def cut(call: Path) -> list[dict[str, float]]:
    """The stretches in which somebody speaks, as the package's detector of voices has them."""
    from pocketsphinx import Segmenter

    rate, samples = _samples(call)
    pieces = Segmenter(sample_rate=rate).segment(io.BytesIO(samples))
    stretches = [(round(piece.start_time, 2), round(piece.end_time, 2)) for piece in pieces]
    return [{"start": start, "end": end} for start, end in stretches if end > start]


def transcribe(call: Path, pieces: list[dict[str, float]]) -> str:
    """What is said in all stretches, one after the other."""
    rate, samples = _samples(call)
    model = decoder()
    words: list[str] = []
    for piece in pieces:
        first, last = (2 * round(rate * piece[edge]) for edge in ("start", "end"))
        with _LOCK:
            model.start_utt()
            model.process_raw(samples[first:last], full_utt=True)
            model.end_utt()
            hypothesis = model.hyp()
        words += hypothesis.hypstr.split() if hypothesis else []
    return " ".join(words)


def classify(text: str) -> str:
    """`cards` where most words name playing cards, else `reading`."""
    words = text.casefold().split()
    named = sum(word in CARDS or word in NUMBERS for word in words)
    return "cards" if words and named * 2 >= len([word for word in words if word != "of"]) else "reading"


def _samples(call: Path) -> tuple[int, bytes]:
    with wave.open(str(call), "rb") as sound:
        return sound.getframerate(), sound.readframes(sound.getnframes())
