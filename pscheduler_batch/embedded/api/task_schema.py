"""Whether a posted task is one: the JSON Schemas of tasks, one for each version."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any, Mapping

from jsonschema_rs import validator_for

from pscheduler_batch.embedded.documents import without_secrets

HIGHEST_VERSION = 5


class TaskError(Exception):
    """A task that is none; the text is worded as pScheduler words it (recordings c06 to c15)."""


def check_task(task: Any) -> None:
    """
    Check a task against the schema that it declares.

    Raises:
        TaskError: It is not an object, declares a version that does not exist, or breaks its schema. pScheduler's words
            for the last repeat the whole task; here the values of secrets are left out of it.
    """
    if not isinstance(task, dict):
        raise TaskError("JSON must be an object")
    version = task.get("schema", 1)
    if isinstance(version, int) and version > HIGHEST_VERSION:
        raise TaskError(f"Schema version {version} is not supported (highest is {HIGHEST_VERSION})")
    if not isinstance(version, int) or version < 1 or not _is_valid(version, task):
        raise TaskError(f"At /: {without_secrets(task)} is not valid under any of the given schemas")


def _is_valid(version: int, task: Mapping[str, Any]) -> bool:
    return bool(_validator(version).is_valid(task))


@lru_cache(maxsize=HIGHEST_VERSION)
def _validator(version: int) -> Any:
    text = files("pscheduler_batch").joinpath("schemas", f"task-{version}.json").read_text(encoding="utf-8")
    return validator_for(json.loads(text))
