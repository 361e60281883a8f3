"""YAML <-> model: a cascade file is read here, and nowhere else."""

from __future__ import annotations

from stagegap.spec.json_schema import json_schema, write_schema
from stagegap.spec.load import load, restore
from stagegap.spec.matrix import Matrix, load_matrix
from stagegap.spec.survey import Survey, survey

__all__ = ["Matrix", "Survey", "json_schema", "load", "load_matrix", "restore", "survey", "write_schema"]
