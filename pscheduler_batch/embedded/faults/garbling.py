"""Changes that garble the body of an answer, for :meth:`Faults.garble`."""

from __future__ import annotations

import json
from typing import Any, Callable

Change = Callable[[bytes], bytes]

# A page such as a web server or a proxy returns instead of the requested one.
WEB_PAGE = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"


def cut_off(body: bytes) -> bytes:
    """
    Return the first half, which is not valid JSON.

    >>> cut_off(b'{"state": "pending"}')
    b'{"state": '
    """
    return body[: len(body) // 2]


def web_page(_body: bytes) -> bytes:
    """Return an HTML page instead."""
    return WEB_PAGE.encode()


def without(*names: str) -> Change:
    """
    Remove pairs at any depth.

    >>> without("href")(b'[{"href": "x", "detail": {"href": "y", "slip": null}}]')
    b'[{"detail": {"slip": null}}]'
    """
    return _changing_json(lambda document: _leave_out(document, names))


def of_another_type(*names: str) -> Change:
    """
    Change the type of named values at any depth, or of the whole document if no names are given.

    Objects become arrays of their values, arrays objects, strings numbers, and all others strings.

    >>> of_another_type("state")(b'{"state": "pending", "errors": null}')
    b'{"state": 7, "errors": null}'
    >>> of_another_type()(b'{"participants": [null]}')
    b'[[null]]'
    """
    if not names:
        return _changing_json(_turn)
    return _changing_json(lambda document: _turn_named(document, names))


def _changing_json(change: Callable[[Any], Any]) -> Change:
    return lambda body: json.dumps(change(json.loads(body))).encode()


def _leave_out(document: Any, names: tuple[str, ...]) -> Any:
    if isinstance(document, dict):
        return {name: _leave_out(value, names) for name, value in document.items() if name not in names}
    if isinstance(document, list):
        return [_leave_out(value, names) for value in document]
    return document


def _turn_named(document: Any, names: tuple[str, ...]) -> Any:
    if isinstance(document, dict):
        return {name: _turn(value) if name in names else _turn_named(value, names) for name, value in document.items()}
    if isinstance(document, list):
        return [_turn_named(value, names) for value in document]
    return document


def _turn(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return {str(number): element for number, element in enumerate(value)}
    return 7 if isinstance(value, str) else str(value)
