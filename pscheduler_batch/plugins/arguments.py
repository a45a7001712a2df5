"""
A spec as the arguments of ``pscheduler task batch``.

pScheduler keeps secrets back from those who may not read them where it shows the spec of a task, but not in these
arguments, which it shows as well. So they have none, and are for people only.
"""

from __future__ import annotations

import json
from typing import List

from pscheduler_batch.plugins.methods import Call
from pscheduler_batch.plugins.specification import BATCH, OPTIONS, read_specification
from pscheduler_batch.redaction import redactor_of


def spec_to_cli(call: Call) -> str:
    """
    Return the arguments of ``cli-to-spec`` that give the same spec, without secrets; a batch is one argument.

    Raises:
        MethodError: The spec is wrong.
    """
    spec = call.object()
    read_specification(spec)
    shown = redactor_of(spec).value(spec, structured=True)
    arguments: List[str] = []
    for option, name in OPTIONS.items():
        if name in shown:
            arguments += [f"--{option}", json.dumps(shown[name]) if name == BATCH else shown[name]]
    return json.dumps(arguments)
