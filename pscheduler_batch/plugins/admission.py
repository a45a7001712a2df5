"""Why a batch cannot be run on a host whose site has enabled batches: all that is wrong with it or not allowed."""

from __future__ import annotations

from typing import Any, List, Mapping

from pscheduler_batch.plugins.batch_plan import duration_of, plan_specified
from pscheduler_batch.plugins.methods import TEST, Call
from pscheduler_batch.plugins.permission import permission_of
from pscheduler_batch.plugins.specification import read_specification
from pscheduler_batch.text import show


def find_reasons(test: Mapping[str, Any], call: Call) -> List[str]:
    """
    Return why a test cannot be run here; none if it can.

    Args:
        test: The test with its spec.
        call: The call, with the permission of this host.

    Raises:
        MethodError: There are errors in the spec, in the batch, or in the permission file.
    """
    if test.get("type") != TEST:
        return [f"this tool does not run the test {show(test.get('type'))}"]
    permission = permission_of(call)
    spec = read_specification(test.get("spec"))
    refused = permission.refusals(duration=spec.duration, batch_url=spec.url)
    if refused or spec.is_remote:
        return refused
    plan = plan_specified(spec, permission).plan
    return permission.refusals(plan, duration=duration_of(spec, plan), batch_url=spec.url)
