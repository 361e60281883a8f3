"""Reading one place of a JSON value by a path such as `data.items.0.label`."""

from __future__ import annotations

from collections.abc import Mapping

from stagegap.model.values import Json


class NotThere(ValueError):
    """A place that a value does not have; the message names it."""


def picked(value: Json, path: str) -> Json:
    """What stands at the path: keys of objects and positions of lists, with dots between. Raises: NotThere.

    >>> picked({"data": [{"label": "spam"}]}, "data.0.label")
    'spam'
    """
    member = value
    parts = path.split(".")
    for number, part in enumerate(parts, 1):
        if isinstance(member, Mapping) and part in member:
            member = member[part]
        elif isinstance(member, list) and part.isdecimal() and int(part) < len(member):
            member = member[int(part)]
        else:
            raise NotThere(f"the answer has no {'.'.join(parts[:number])}")
    return member
