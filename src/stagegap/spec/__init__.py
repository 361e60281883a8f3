"""YAML <-> model: a cascade file is read here, and nowhere else."""

from __future__ import annotations

from stagegap.spec.load import Matrix, load, load_matrix, restore
from stagegap.spec.schema import json_schema, write_schema
from stagegap.spec.survey import Survey, survey

__all__ = ["Matrix", "Survey", "json_schema", "load", "load_matrix", "restore", "survey", "write_schema"]
