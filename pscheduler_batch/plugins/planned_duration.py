"""The method ``duration`` of the tool: how long a batch gets on the schedule."""

from __future__ import annotations

import json

from pscheduler_batch.plugins.batch_plan import duration_of, duration_text, plan_specified
from pscheduler_batch.plugins.methods import Call
from pscheduler_batch.plugins.permission import permission_of
from pscheduler_batch.plugins.specification import read_specification


def duration(call: Call) -> str:
    """
    Return how long a test may take, from the spec or as planned.

    Raises:
        MethodError: That cannot be known.
    """
    spec = read_specification(call.object().get("spec"))
    if spec.is_remote and spec.duration is not None:
        return json.dumps({"duration": duration_text(spec.duration)})
    plan = plan_specified(spec, permission_of(call)).plan
    return json.dumps({"duration": duration_text(duration_of(spec, plan))})
