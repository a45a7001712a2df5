"""Methods of the plug-ins, called in this process."""

from __future__ import annotations

import io
import json
from typing import Any

from pscheduler_batch.plugins.methods import METHODS, Call, run_method


def called(method: str, value: Any = None, *arguments: str) -> str:
    """
    Call a method and return what it prints.

    Args:
        method: The path below the class folder, such as ``test/batch/participants``.
        value: What it reads, as JSON; None for nothing at all.
        arguments: Its arguments.
    """
    kind, name, word = method.split("/")
    text = b"" if value is None else json.dumps(value).encode()
    return run_method(METHODS[kind, name][word], Call(arguments, io.BytesIO(text)))


def answered(method: str, value: Any = None, *arguments: str) -> Any:
    """Call a method that prints JSON."""
    return json.loads(called(method, value, *arguments))
