"""
The method ``can-run``: whether the tool can run a batch here (ADR 62).

It is called for each task that is posted, as the account of the database, and has seconds.
"""

from __future__ import annotations

import json
from typing import Any, List, Mapping

from pscheduler_batch.plugins.methods import TEST, Call, MethodError
from pscheduler_batch.plugins.permission import PERMISSION_FILE, Permission, PermissionFileError, read_permission
from pscheduler_batch.plugins.specification import read_specification
from pscheduler_batch.text import show


def can_run(call: Call) -> str:
    """Return whether the tool can run a test here, with the reasons if it cannot; a failure is a reason, too."""
    try:
        reasons = find_reasons(call.object(), permission_of(call))
    except MethodError as error:
        reasons = str(error).split("\n")
    except Exception as bug:  # noqa: BLE001 - pScheduler would say that can-run failed, and nothing else
        reasons = [f"this is a bug in pscheduler-batch: {type(bug).__name__}"]
    return json.dumps({"can-run": False, "reasons": reasons} if reasons else {"can-run": True})


def find_reasons(test: Mapping[str, Any], permission: Permission) -> List[str]:
    """
    Return why a test cannot be run here; none if it can.

    Args:
        test: The test with its spec.
        permission: That of this host.

    Raises:
        MethodError: There are errors in the spec or in the batch.
    """
    if test.get("type") != TEST:
        return [f"this tool does not run the test {show(test.get('type'))}"]
    if not permission.enabled:
        # Nothing that a stranger sends is even looked at.
        return permission.refusals(duration=None)
    spec = read_specification(test.get("spec"))
    refused = permission.refusals(duration=spec.duration, batch_url=spec.url)
    if refused or spec.is_remote:
        return refused
    # A host that refuses all batches does not need it, and it takes half of the time.
    from pscheduler_batch.plugins.batch_plan import duration_of, plan_specified  # noqa: PLC0415

    plan = plan_specified(spec, permission).plan
    return permission.refusals(plan, duration=duration_of(spec, plan), batch_url=spec.url)


def permission_of(call: Call) -> Permission:
    """
    Read the permission of this host.

    Raises:
        MethodError: There are errors in its file.
    """
    try:
        return read_permission(call.permission_file or PERMISSION_FILE)
    except PermissionFileError as error:
        raise MethodError(f"batches are not enabled on this host, as its permission file is wrong\n{error}") from error
