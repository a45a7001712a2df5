"""How long a batch gets on the schedule whose spec does not say it."""

from __future__ import annotations

from pscheduler_batch.plugins.batch_plan import needed_time, plan_specified
from pscheduler_batch.plugins.methods import Call
from pscheduler_batch.plugins.permission import permission_of
from pscheduler_batch.plugins.specification import duration_reply, read_specification


def duration(call: Call) -> str:
    """
    Return how long a test may take, as planned.

    Raises:
        MethodError: There are errors in the batch, or the duration of a test is not known.
    """
    spec = read_specification(call.object().get("spec"))
    return duration_reply(needed_time(plan_specified(spec, permission_of(call)).plan))
