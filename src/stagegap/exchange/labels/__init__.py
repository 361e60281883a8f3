"""Labels (answers as people gave them) and recorded outputs, from files and to files."""

from stagegap.exchange.labels.reader import Known, labels_of_rows, read_labels, unfit
from stagegap.exchange.labels.recorded import RecordedFields, read_recorded
from stagegap.exchange.labels.writer import LABEL_COLUMNS, label_frame_rows, write_labels, write_references

__all__ = [
    "LABEL_COLUMNS",
    "Known",
    "RecordedFields",
    "label_frame_rows",
    "labels_of_rows",
    "read_labels",
    "read_recorded",
    "unfit",
    "write_labels",
    "write_references",
]
