"""Running one jq transform on one value."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.transforms.pipeline import Transforms

TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}


def run(
    script: object, value: object = None, *, number: int = 0, data: object = None, args: Optional[Dict[str, Any]] = None
) -> Any:
    """Apply a task-transform to a value and return what the script put under "out"."""
    batch = load_batch(
        {"global": {"data": data}, "jobs": [{"task": TASK, "task-transform": {"script": script, "args": args or {}}}]}
    )
    transforms = Transforms(batch)
    problems = [problem.reason for problem in transforms.problems]
    if problems:
        pytest.fail(problems[0])
    return transforms.apply_steps(batch.jobs[0], number, {}, json.dumps(value))[-1]["out"]
