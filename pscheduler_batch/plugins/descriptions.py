"""The ``enumerate`` methods: what pScheduler shows of the plug-ins in its lists of tests and tools."""

from __future__ import annotations

import json
from typing import Any, Dict

from pscheduler_batch._version import __version__
from pscheduler_batch.plugins.methods import TEST, TOOL, Call

_COMMON: Dict[str, Any] = {
    "schema": 1,
    "version": __version__,
    "maintainer": {"name": "The pscheduler-batch authors"},
}


def describe_test(_call: Call) -> str:
    """Return the description of the test, which runs beside anything else: its tasks have schedules of their own."""
    return json.dumps(
        {
            **_COMMON,
            "name": TEST,
            "description": "Run a batch of tasks and collect their results",
            "scheduling-class": "background",
        }
    )


def describe_tool(_call: Call) -> str:
    """Return the description of the tool."""
    return json.dumps(
        {
            **_COMMON,
            "name": TOOL,
            "description": "Run the tasks of a batch with pscheduler-batch",
            "tests": [TEST],
            "preference": 0,
        }
    )
