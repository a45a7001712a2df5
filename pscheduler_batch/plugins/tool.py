"""
The method ``can-run``: whether the tool can run a batch here (ADR 62).

It is called for each task that is posted, as the account of the database, and has seconds.
"""

from __future__ import annotations

import json
from typing import Any, List, Mapping

from pscheduler_batch.plugins.enabling import PERMISSION_FILE, why_disabled
from pscheduler_batch.plugins.methods import Call, MethodError


def can_run(call: Call) -> str:
    """Return whether the tool can run a test here, with the reasons if it cannot; a failure is a reason, too."""
    try:
        test = call.object()
        disabled = why_disabled(call.permission_file or PERMISSION_FILE)
        # Where batches are disabled, nothing that a stranger sends is even looked at.
        reasons = _find_reasons(test, call) if disabled is None else [disabled]
    except MethodError as error:
        reasons = str(error).split("\n")
    except Exception as bug:  # noqa: BLE001 - pScheduler would say that can-run failed, and nothing else
        reasons = [f"this is a bug in pscheduler-batch: {type(bug).__name__}"]
    return json.dumps({"can-run": False, "reasons": reasons} if reasons else {"can-run": True})


def _find_reasons(test: Mapping[str, Any], call: Call) -> List[str]:
    from pscheduler_batch.plugins.admission import find_reasons  # noqa: PLC0415 - a host that refuses all needs nothing

    return find_reasons(test, call)
