from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import build


def test_an_unknown_kind_is_named_with_its_nearest(make_stage: Callable[..., Stage]) -> None:
    with pytest.raises(ConfigurationError, match=r"uses the unknown kind 'pyton'\. Did you mean python"):
        build(make_stage("pyton", OutputType(kind=Kind.TEXT)), folder=Path(), corpora={}, environment={})
