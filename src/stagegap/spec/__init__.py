"""YAML <-> model: a cascade file is read here, and nowhere else."""

from __future__ import annotations

from stagegap.spec.editors import json_schema, write_schema
from stagegap.spec.load import load, restore

__all__ = ["json_schema", "load", "restore", "write_schema"]
