"""A page opened without a browser, and what stands on it."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from ui.fake_workspace import FakeWorkspace


def opened(page: Any, workspace: FakeWorkspace, **parameters: str) -> AppTest:
    test = AppTest.from_function(page, kwargs={"workspace": workspace}, default_timeout=60)
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    """All that stands on the page as text, Markdown's escapes taken out."""
    html = [element.proto.body for element in test.get("html")]
    return "\n".join([*(one.value for one in (*test.title, *test.header, *test.markdown)), *html]).replace("\\", "")


def charts_of(test: AppTest) -> str:
    """All that the page's charts are given."""
    return "\n".join(json.loads(one.proto.json).get("html", "") for one in test.get("bidi_component"))
