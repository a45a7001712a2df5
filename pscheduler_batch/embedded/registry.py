"""The tests that the embedded server offers: whatever is installed under the entry-point group."""

from __future__ import annotations

import warnings
from importlib import metadata
from typing import Dict, Iterable

from pscheduler_batch.embedded.test import ENTRY_POINT_GROUP, Test


def load_tests() -> Dict[str, Test]:
    """
    Make one of each test that is installed.

    A test that cannot be imported or made costs a warning, not the others.

    Returns:
        The tests by name; empty where nothing is installed.
    """
    tests = {}
    for entry_point in _entry_points():
        try:
            test = _made(entry_point.load())
            tests[test.name] = test
        except Exception as error:  # noqa: BLE001 - a foreign package may raise anything
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"the embedded server goes without the test {entry_point.name}: {reason}", stacklevel=2)
    return tests


def _made(kind: object) -> Test:
    if not (isinstance(kind, type) and issubclass(kind, Test)):
        raise TypeError(f"{kind} is no test of the embedded server")
    return kind()


def _entry_points() -> Iterable[metadata.EntryPoint]:
    """Find the entry points; before Python 3.10 they cannot be asked for by group."""
    every = metadata.entry_points()
    if hasattr(every, "select"):
        found: Iterable[metadata.EntryPoint] = every.select(group=ENTRY_POINT_GROUP)
        return found
    return dict(every).get(ENTRY_POINT_GROUP, ())
