"""Values to vary in a task, as ``--vary`` gives them."""

from __future__ import annotations

import json
import re
from typing import Any, List, Mapping, Sequence

from pscheduler_batch.drafts.draft import Dimension, place
from pscheduler_batch.input.test_specs import known_tests
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.pointers import Path
from pscheduler_batch.text import closest, list_names, shorten, show

_NAME = re.compile(r"[A-Za-z_][\w-]*")


class SweepError(ValueError):
    """A wrong ``--vary``; the text says what is expected."""


def sweep(text: str, task: JSONObject, others: Sequence[Dimension]) -> Dimension:
    """
    Return the dimension of values to vary.

    Args:
        text: ``PATH=VALUE,VALUE…`` or ``PATH=[…]``; a PATH that begins with ``spec`` is in the test, any other one is
            in the task. A VALUE is JSON if it is JSON, else text.
        task: The task that the values are put into.
        others: What is varied besides.

    Raises:
        SweepError: It is wrong, the test has no such pair, the path goes through something that has no pairs, or the
            same is varied already.
    """
    name, equals, given = text.partition("=")
    steps = name.split(".")
    if not equals or not all(_NAME.fullmatch(step) for step in steps):
        raise SweepError(f"{show(text)} is not of the form PATH=VALUE,VALUE, such as spec.parallel=1,2,4,8")
    path: Path = ("test", *steps) if steps[0] == "spec" else tuple(steps)
    if path in {("test",), ("test", "spec"), ("test", "type")}:
        raise SweepError(f"{shorten(name)} cannot be varied; name a pair of the spec, such as spec.parallel")
    _check_path(task, path, name)
    if any(_overlap(place(path), line) for line in _lines(others)):
        raise SweepError(f"{shorten(name)} is varied twice")
    values = _values(given)
    if not values:
        raise SweepError(f"{shorten(name)} has no values")
    taken = {key for dimension in others for key in dimension.data}
    key = steps[-1] if steps[-1] not in taken else "-".join(steps)
    variable = f"$global{place((key,))}"

    def choose(index: str) -> List[str]:
        return [f"{place(path)} = {variable}[{index}]"]

    return Dimension(
        re.sub(r"\W", "_", key),
        {key: values},
        len(values),
        f"({variable} | length)",
        choose,
        f"Each {steps[-1]} in turn",
    )


def path_in_spec(text: str) -> Path:
    """Return the path in the spec that a valid ``--vary`` is about; empty if it is about something else."""
    steps = text.partition("=")[0].split(".")
    return tuple(steps[1:]) if steps[0] == "spec" else ()


def _check_path(task: JSONObject, path: Path, name: str) -> None:
    known = known_tests().get(task["test"]["type"])
    if known is not None and path[:2] == ("test", "spec") and path[2] not in known.pairs:
        near = closest(str(path[2]), known.pairs)
        hint = f'did you mean "spec.{near}"?' if near else f"its pairs are {list_names(known.pairs)}"
        raise SweepError(f'the {task["test"]["type"]} spec has no pair "{shorten(str(path[2]))}"; {hint}')
    value: Any = task
    for depth, step in enumerate(path):
        if not isinstance(value, Mapping):
            raise SweepError(
                f"{shorten(name)} goes through {shorten('.'.join(map(str, path[:depth])))}, which is {show(value)}"
            )
        value = value.get(str(step), {})


def _overlap(one: str, line: str) -> bool:
    """Return whether a filter sets a part of a task, or a part of it, or what it is a part of."""
    other = line.partition(" = ")[0]
    shorter, longer = sorted((one, other), key=len)
    return longer.startswith(shorter) and longer[len(shorter) :][:1] in ("", ".", "[")


def _lines(dimensions: Sequence[Dimension]) -> List[str]:
    return [line for dimension in dimensions for line in dimension.choose("0")]


def _values(text: str) -> List[JSON]:
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, list):
        return whole
    return [_value(word.strip()) for word in text.split(",") if word.strip()]


def _value(word: str) -> JSON:
    try:
        value: JSON = json.loads(word)
    except ValueError:
        return word
    return value
