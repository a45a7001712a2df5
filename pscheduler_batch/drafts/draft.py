"""
A batch that is made for people to read and to change (ADR 68).

What is varied is a dimension: values in the global data, and lines of jq that choose one of them in each iteration. Of
several dimensions every combination is an iteration, the first one being the slowest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple

from pscheduler_batch.input.test_specs import known_tests
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.pointers import Path
from pscheduler_batch.text import count_words

# Computed numbers of iterations need it.
_SCHEMA = 3

# The best names of values that several pairs have.
_BEST = ("source", "dest")

_WIDTH = 100


@dataclass(frozen=True)
class Dimension:
    """
    Something that a job varies.

    Attributes:
        name: A name for its index in a script, in letters, digits and _.
        data: The pairs of the global data that it needs.
        count: How many values it has.
        length: An expression of jq for this number.
        choose: Returns filters of jq that put the value with an index into a task; the index is an expression.
        about: What it does, in a sentence without a period.
    """

    name: str
    data: Mapping[str, JSON]
    count: int
    length: str
    choose: Callable[[str], Sequence[str]]
    about: str


@dataclass(frozen=True)
class JobDraft:
    """
    A job to be made.

    Attributes:
        label: Its label.
        tasks: Its task, or the tasks of an array.
        dimensions: What is varied, the slowest first.
        notes: Sentences for its comment.
    """

    label: str
    tasks: Sequence[JSONObject]
    dimensions: Sequence[Dimension] = ()
    notes: Sequence[str] = ()

    @property
    def iterations(self) -> int:
        """The number of its iterations."""
        count = len(self.tasks)
        for dimension in self.dimensions:
            count *= dimension.count
        return count


def write_draft(jobs: Sequence[JobDraft], origin: str) -> str:
    """
    Return the text of a batch.

    Args:
        jobs: Its jobs; the data of their dimensions have different names unless they are equal.
        origin: What it was made from, for the comment.
    """
    data = {name: value for job in jobs for dimension in job.dimensions for name, value in dimension.data.items()}
    count = sum(job.iterations for job in jobs)
    document: Dict[str, Any] = {
        "#": [
            f"Made by pscheduler batch-new {origin}: {count_words(count, 'iteration')}.",
            "Pairs whose names begin with # are comments. Check this file with pscheduler batch --check, see what",
            "would run when with --plan, and try it on this machine alone with --embedded.",
        ]
    }
    if data:
        document["schema"] = _SCHEMA
        document["global"] = {"#": "The values that the jobs vary; scripts have them in $global.", "data": data}
    document["jobs"] = [_job(job) for job in jobs]
    return json.dumps(document, indent=4, ensure_ascii=False) + "\n"


def _job(job: JobDraft) -> JSONObject:
    notes = [*(f"{dimension.about}." for dimension in job.dimensions), *job.notes]
    if len(job.dimensions) > 1:
        notes.append("Every combination is an iteration; what stands first changes most slowly.")
    made: Dict[str, Any] = {"label": job.label, **({"#": notes} if notes else {})}
    if job.dimensions:
        made["iterations"] = {"script": " * ".join(dimension.length for dimension in job.dimensions)}
    script = list(_transform(job.dimensions)) if job.dimensions else []
    tasks = [_explained(task, "\n".join(script)) for task in job.tasks]
    made["task"] = tasks[0] if len(tasks) == 1 else tasks
    if script:
        made["task-transform"] = {"script": script}
    return made


def _transform(dimensions: Sequence[Dimension]) -> Iterator[str]:
    """Return the lines of a script that finds the index of each dimension, and puts its value into the task."""
    rest = "$iteration"
    indices = []
    steps = []
    for dimension in reversed(dimensions[1:]):
        steps.append(f"({rest} % {dimension.length}) as ${dimension.name}_index")
        steps.append(f"({rest} / {dimension.length} | floor) as $rest")
        indices.append(f"${dimension.name}_index")
        rest = "$rest"
    indices.append(rest)
    for dimension, index in zip(dimensions, reversed(indices)):
        steps += dimension.choose(index)
    yield from (f"{'| ' if number else ''}{step}" for number, step in enumerate(steps))


def _explained(task: JSONObject, script: str) -> JSONObject:
    """Add a comment on what the spec of a known test may have besides what it has, or gets from a script."""
    test = task["test"]
    known = known_tests().get(test["type"])
    spec = test["spec"]
    if known is None or not isinstance(spec, dict):
        return task
    others = [name for name in known.pairs if name not in spec and f"{place(('test', 'spec', name))} =" not in script]
    comment = [known.about]
    if others:
        comment += wrap(f"Other pairs of its spec: {', '.join(others)}.", _WIDTH, break_on_hyphens=False)
    return {**task, "test": {"#": comment, **test}}


def with_version(spec: JSON, test: str, path: Path = ()) -> JSON:
    """
    Return a spec that declares the lowest version of a known test with all its pairs.

    Args:
        spec: The spec.
        test: The type of the test.
        path: A pair of the spec that is to be set as well; empty for none.
    """
    known = known_tests().get(test)
    if known is None or not isinstance(spec, dict):
        return spec
    names = {*spec, *(str(step) for step in path[:1])}
    needed = max((known.pairs[name].since for name in names if name in known.pairs), default=1)
    declared = spec.get("schema", 1)
    return {**spec, "schema": needed} if isinstance(declared, int) and needed > declared else spec


def place(path: Path) -> str:
    """
    Return the expression of jq for a part of a value.

    >>> place(("test", "spec", "window-size")), place(("archives", 0))
    ('.test.spec["window-size"]', '.archives[0]')
    """
    steps = []
    for step in path:
        if isinstance(step, int):
            steps.append(f"[{step}]")
        elif step.isascii() and step.replace("_", "a").isalnum() and not step[:1].isdigit():
            steps.append(f".{step}")
        else:
            steps.append(f"[{json.dumps(step)}]")
    text = "".join(steps)
    return text if text.startswith(".") else f".{text}"


def factored(name: str, tasks: Sequence[JSONObject], about: str) -> Tuple[Sequence[JSONObject], Sequence[Dimension]]:
    """
    Return one task and a dimension with what differs, instead of many tasks that are alike.

    Args:
        name: The name of the values in the global data.
        tasks: The tasks.
        about: What the values are, for the comment.

    Returns:
        The tasks as they are and no dimension where they do not have the same pairs.
    """
    paths = list(_differing(tasks, ()))
    if len(tasks) == 1 or () in paths:
        return tasks, ()
    columns: Dict[str, List[Path]] = {}
    for path in paths:
        columns.setdefault(json.dumps([_at(task, path) for task in tasks]), []).append(path)
    names = _names_of_columns(list(columns.values()))
    rows = [{names[path]: _at(task, path) for path in paths} for task in tasks]
    common = json.loads(json.dumps(tasks[0]))
    for path in paths:
        inner = _at(common, path[:-1])
        inner[path[-1]] = None
    length = f"($global{place((name,))} | length)"

    def choose(index: str) -> List[str]:
        chosen = f"$global{place((name,))}[{index}] as $row"
        return [chosen, *(f"{place(path)} = $row{place((names[path],))}" for path in paths)]

    return [common], [Dimension("row", {name: rows}, len(rows), length, choose, about)]


def _differing(values: Sequence[Any], path: Path) -> Iterator[Path]:
    first = values[0]
    if all(value == first for value in values[1:]):
        return
    if all(isinstance(value, dict) and value.keys() == first.keys() for value in values) and first:
        for name in first:
            yield from _differing([value[name] for value in values], (*path, name))
    elif all(isinstance(value, list) and len(value) == len(first) for value in values) and first:
        for number in range(len(first)):
            yield from _differing([value[number] for value in values], (*path, number))
    else:
        yield path


def _names_of_columns(columns: Sequence[Sequence[Path]]) -> Dict[Path, str]:
    """
    Name the parts of a task that differ; those that are equal in every task share a name.

    A name is the last step of the path to one of these parts, best one that says from where or where to, or more steps
    where this name is taken.
    """
    names: Dict[Path, str] = {}
    for paths in columns:
        best = next((path for path in paths if path[-1] in _BEST), paths[0])
        depth, name = 1, str(best[-1])
        while name in names.values():
            depth += 1
            name = "-".join(str(step) for step in best[-depth:])
        names.update(dict.fromkeys(paths, name))
    return names


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value
