"""A folder with a cascade that has no problem, for tests to change one thing in."""

from collections.abc import Mapping
from pathlib import Path

from stagegap.model.cascade import CascadeFile
from stagegap.spec import load

BASE = """\
cascade: mails
records: {path: mails.jsonl, id: mail_id, split: split}
corpora:
  shop: {path: [products.jsonl], id: doc_id}
references: {path: references.jsonl}
evaluate: test
stages:
  route:
    uses: sklearn
    with: {train: train, estimator: logistic_regression}
    inputs: {subject: record.subject}
    output: {type: label, values: [orders, spam]}
  retrieve:
    uses: retrieval
    with: {corpus: shop, method: bm25, k: 3, query: [subject], filter: {departments: department}}
    inputs: {subject: record.subject, department: route}
    output: {type: ranking, of: shop, k: 3}
  draft:
    uses: python
    with: {function: "stages.py:draft"}
    when: route != "spam"
    inputs: {subject: record.subject, documents: retrieve}
    output: {type: text}
outcome: {score: draft.fact_recall, good: ">= 0.8"}
"""
"""A cascade without a problem."""


class Folder:
    """A folder with the files that BASE names, to write cascade files into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("mails.jsonl", "products.jsonl", "references.jsonl", "outputs.jsonl", "prompt.md.j2"):
            (path / name).write_text("")
        (path / "guide.md").write_text("Choose well.\n")
        (path / "stages.py").write_text("def draft(subject, documents):\n    return subject\n")

    def write(self, text: str, name: str = "cascade.yaml") -> Path:
        file = self.path / name
        file.write_text(text, encoding="utf-8")
        return file

    def load(self, text: str = BASE, environment: Mapping[str, str] | None = None) -> CascadeFile:
        return load(self.write(text), environment=environment or {})

    def changed(self, old: str, new: str, environment: Mapping[str, str] | None = None) -> CascadeFile:
        """Load BASE with one thing changed."""
        assert old in BASE
        return self.load(BASE.replace(old, new, 1), environment)
