"""Why a batch cannot be run on a host whose site has enabled batches: all that is wrong with it or not allowed."""

from __future__ import annotations

import json
from typing import List

from pscheduler_batch.plugins.batch_plan import duration_of, plan_specified
from pscheduler_batch.plugins.methods import TEST, Call
from pscheduler_batch.plugins.permission import permission_of
from pscheduler_batch.plugins.specification import read_specification
from pscheduler_batch.text import show


def can_run(call: Call) -> str:
    """
    Return whether a test can be run on this host, with the reasons if it cannot.

    Raises:
        MethodError: There are errors in the spec, in the batch, or in the permission file.
    """
    reasons = _find_reasons(call)
    return json.dumps({"can-run": False, "reasons": reasons} if reasons else {"can-run": True})


def _find_reasons(call: Call) -> List[str]:
    test = call.object()
    if test.get("type") != TEST:
        return [f"this tool does not run the test {show(test.get('type'))}"]
    permission = permission_of(call)
    spec = read_specification(test.get("spec"))
    refused = permission.refusals(duration=spec.duration, batch_url=spec.url)
    if refused or spec.is_remote:
        return refused
    plan = plan_specified(spec, permission).plan
    return permission.refusals(plan, duration=duration_of(spec, plan), batch_url=spec.url)
