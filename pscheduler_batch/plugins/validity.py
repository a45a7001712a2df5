"""The method ``spec-is-valid``: all that ``--check`` says of the batch in a spec, in one text."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any, List, Optional

from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.model import Plan
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.plugins.batch_plan import CONFINEMENT, GIVEN, MOST_ITERATIONS, duration_of, read_named
from pscheduler_batch.plugins.methods import Call, MethodError
from pscheduler_batch.plugins.permission import permission_of
from pscheduler_batch.plugins.specification import Specification, find_errors, read_specification


def spec_is_valid(call: Call) -> str:
    """Return whether a spec is valid, with everything that is wrong with it and its batch if it is not."""
    spec = call.json()
    errors = find_errors(spec)
    if not errors:
        try:
            errors = _errors_of_batch(read_specification(spec), call)
        except MethodError as error:
            errors = [str(error)]
    return json.dumps({"valid": False, "error": "\n".join(errors)} if errors else {"valid": True})


def _errors_of_batch(spec: Specification, call: Call) -> List[str]:
    """
    Check the batch of a valid spec as far as it is known before the run.

    Raises:
        MethodError: It cannot be read.
    """
    if spec.is_remote:
        return []
    given: Any = spec.batch if spec.url is None else read_named(spec.url, permission_of(call))
    source = spec.url or GIVEN
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    checked = check_batch(
        data,
        source=source,
        max_iterations=MOST_ITERATIONS,
        confinement=CONFINEMENT,
        examine=partial(_error_of_duration, spec),
    )
    if checked.valid:
        return [checked.examined] if checked.examined else []
    if spec.url is not None:
        return [render_problems(checked.problems, text=checked.text, source=source)]
    # The client knows no lines of a batch that is part of a spec.
    problems = [replace(problem, line=None, column=None) for problem in checked.problems]
    return [render_problems(problems, text=None, source=source)]


def _error_of_duration(spec: Specification, plan: Plan) -> Optional[str]:
    try:
        duration_of(spec, plan)
    except MethodError as error:
        return str(error)
    return None
