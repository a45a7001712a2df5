"""
The method ``can-run``: whether the tool can run a batch here (ADR 62).

It is called for each task that is posted, as the account of the database, and has seconds.
"""

from __future__ import annotations

import json

from pscheduler_batch.plugins.enabling import PERMISSION_FILE, why_disabled
from pscheduler_batch.plugins.methods import Call, MethodError, run_method

# Takes the call where batches are enabled. A host that refuses all of them needs nothing of what that imports.
_ADMISSION = "admission:can_run"


def can_run(call: Call) -> str:
    """Return whether the tool can run a test here, with the reasons if it cannot; a failure is a reason, too."""
    try:
        disabled = why_disabled(call.permission_file or PERMISSION_FILE)
        # Where batches are disabled, nothing that a stranger sends is even looked at.
        if disabled is None:
            return run_method(_ADMISSION, call)
        reasons = [disabled]
    except MethodError as error:
        reasons = str(error).split("\n")
    except Exception as bug:  # noqa: BLE001 - pScheduler would say that can-run failed, and nothing else
        reasons = [f"this is a bug in pscheduler-batch: {type(bug).__name__}"]
    return json.dumps({"can-run": False, "reasons": reasons})
