"""A page opened without a browser, and what stands on it."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from stagegap.workspace import Workspace


def opened(page: Any, workspace: Workspace, **parameters: str) -> AppTest:
    test = AppTest.from_function(page, kwargs={"workspace": workspace}, default_timeout=60)
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    """All that stands on the page as text, Markdown's escapes taken out."""
    html = [element.proto.body for element in test.get("html")]
    plain = [one.value for one in (*test.title, *test.header, *test.markdown, *test.text)]
    return "\n".join([*plain, *html]).replace("\\", "")


def charts_of(test: AppTest) -> str:
    """All that the page's charts are given."""
    return "\n".join(json.loads(one.proto.json).get("html", "") for one in test.get("bidi_component"))


def data(test: AppTest, part: str) -> str:
    """What the components were given whose key holds `part`."""
    return "\n".join(str(element.proto) for element in test.get("bidi_component") if part in str(element.proto))
