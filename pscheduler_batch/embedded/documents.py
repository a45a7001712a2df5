"""What pScheduler and its database do to every JSON document: reading, comments, secrets, order, containment."""

from __future__ import annotations

import json
from typing import Any


def load_json(text: str) -> Any:
    """
    Parse JSON.

    Raises:
        ValueError: It is invalid; the text is worded as pScheduler words it (recordings b33 and c07).
    """
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise ValueError(f"Invalid JSON: {error}") from error


def without_comments(document: Any) -> Any:
    """
    Remove every pair whose name begins with ``#`` (recording j01).

    >>> without_comments({"a": [{"#why": "because", "b": 1}]})
    {'a': [{'b': 1}]}
    """
    if isinstance(document, dict):
        return {name: without_comments(value) for name, value in document.items() if not name.startswith("#")}
    if isinstance(document, (list, tuple)):
        return [without_comments(value) for value in document]
    return document


def without_secrets(document: Any) -> Any:
    """
    Replace the value of every name that begins with ``_`` by null (recordings j01 and j23).

    >>> without_secrets({"_key": "hush", "data": [{"_url": "https://example.net/"}]})
    {'_key': None, 'data': [{'_url': None}]}
    """
    if isinstance(document, dict):
        return {name: None if name.startswith("_") else without_secrets(value) for name, value in document.items()}
    if isinstance(document, (list, tuple)):
        return [without_secrets(value) for value in document]
    return document


def in_database_order(document: Any) -> Any:
    """
    Sort the names of every object as PostgreSQL does, short ones first, which is the order of all recorded replies.

    >>> list(in_database_order({"test": 1, "archives": 2, "_key": 3}))
    ['_key', 'test', 'archives']
    """
    if isinstance(document, dict):
        names = sorted(document, key=lambda name: (len(name.encode()), name.encode()))
        return {name: in_database_order(document[name]) for name in names}
    if isinstance(document, (list, tuple)):
        return [in_database_order(value) for value in document]
    return document


def contains(document: Any, part: Any) -> bool:
    """
    Return whether a document contains another one, as PostgreSQL's ``@>`` operator does.

    An object contains objects with some of its pairs, and an array contains arrays whose every element is contained in
    one of its own, in any order.

    >>> contains({"reference": {"mark": 7, "x": 1}}, {"reference": {"mark": 7}})
    True
    >>> contains([1, [2, 3]], [3])
    False
    """
    if isinstance(document, dict) and isinstance(part, dict):
        return all(name in document and contains(document[name], value) for name, value in part.items())
    if isinstance(document, list) and isinstance(part, list):
        return all(any(contains(element, wanted) for element in document) for wanted in part)
    if isinstance(document, bool) or isinstance(part, bool):
        return document is part
    return bool(document == part)
