"""The only SQL."""

from stagegap.store.care import Finding, Rebuilt, RecordsImport, Waiting
from stagegap.store.store import Store

__all__ = ["Finding", "Rebuilt", "RecordsImport", "Store", "Waiting"]
