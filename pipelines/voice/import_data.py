"""Turn the recordings in pocketsphinx's source distribution into records and references: see docs/media.md.

python pipelines/voice/import_data.py pocketsphinx-5.1.1 TARGET
"""

import json
import re
import shutil
import sys
from pathlib import Path

KINDS = {"cards": "cards", "librivox": "reading"}
_LINE = re.compile(r"(?:<s>)?(?P<words>.*?)(?:</s>)?\s*\((?P<name>[^)]+)\)\s*")


def convert(source: Path, target: Path) -> int:
    """Write records, references and recordings into `target`, and say how many; `source` is only read."""
    records, references = [], []
    (target / "calls").mkdir(parents=True, exist_ok=True)
    for folder, kind in KINDS.items():
        home = source / "test" / "data" / folder
        text = (home / ("cards.transcription" if folder == "cards" else "transcription")).read_text("utf-8")
        for line in filter(None, map(_LINE.fullmatch, text.splitlines())):
            name, words = line["name"], " ".join(line["words"].split())
            shutil.copyfile(home / f"{name}.wav", target / "calls" / f"{name}.wav")
            records.append({"recording": name, "call": f"calls/{name}.wav"})
            references += [
                {"record": name, "stage": stage, "annotator": "cmusphinx", "value": value}
                for stage, value in (("transcribe", words), ("classify", kind))
            ]
    for file, rows in (("records.jsonl", records), ("references.jsonl", references)):
        (target / file).write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return len(records)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python pipelines/voice/import_data.py SOURCE TARGET")
    sys.stdout.write(f"{convert(Path(sys.argv[1]), Path(sys.argv[2]))} recordings\n")
