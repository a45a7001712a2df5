"""
Load a :class:`~pscheduler_batch.model.Batch` from bytes, text or a Python object, with all checks that need no network.

The steps: parse the JSON, strip the comments, check it against the specification of its ``schema``, build the batch.
All errors are reported at once. Tasks are checked by :func:`~pscheduler_batch.input.validation.check_task` after the
transforms, as they may be incomplete before (ADR 8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Container, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from pscheduler_batch.errors import WARNING, InputError, Problem
from pscheduler_batch.input.json_text import parse, too_deep_at
from pscheduler_batch.input.json_values import Finding, TooDeepError, to_plain
from pscheduler_batch.input.locations import in_order, locate_findings, locate_problems
from pscheduler_batch.input.positions import Lines, find_duplicates
from pscheduler_batch.input.schemas import VERSIONS, find_violations, load_schema
from pscheduler_batch.input.validation import explain
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.model import DEFAULT_SETUP_TIME, JSON, Batch, Job, JSONObject, Transform, label_of
from pscheduler_batch.pointers import Path, pointer
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.text import closest, shorten, show

if TYPE_CHECKING:
    from pscheduler_batch.input.selection import Selection
    from pscheduler_batch.input.values import Values

# Names that, where they are wrong in a job, may have been meant to change its tasks.
_SHAPING = frozenset({"args", "script", "task-transform", "transform-post", "transform-pre"})

# What the variables are that every script on a task has; the others have only the first one.
_OWN_VARIABLES = {"global": "the global data", "iteration": "the number of the iteration"}
# Pairs without effect in a job that is not parallel.
_FOR_PARALLEL = ("setup-time", "backoff", "sync-start")

_DURATIONS = {"backoff": timedelta(0), "setup-time": DEFAULT_SETUP_TIME}


def load_batch(
    data: Union[bytes, str, Mapping[str, Any]],
    *,
    source: Optional[str] = None,
    values: Optional[Values] = None,
    selection: Optional[Selection] = None,
) -> Batch:
    """
    Load a batch.

    Args:
        data: The bytes or the text of a JSON document, or the document itself, which is neither changed nor kept. Pairs
            whose names begin with # are comments, allowed everywhere.
        source: The name of the file for messages.
        values: Values from outside for its data.
        selection: The jobs and iterations that are run; None for all.

    Raises:
        InputError: All errors of the batch. Jobs that are not enabled need only be objects.
        OptionError: The values do not fit its data, or the selection its jobs.
    """
    loaded = load_right_parts(data, source=source, values=values, selection=selection)
    if loaded.problems or loaded.batch is None:
        raise InputError(loaded.problems, warnings=loaded.warnings, source=source, text=loaded.text)
    return loaded.batch


@dataclass(frozen=True)
class Loaded:
    """
    The valid parts of an input.

    Attributes:
        batch: The batch with what is valid of its jobs; None if an error concerns the whole batch. A job whose tasks
            cannot be made without an invalid pair has no tasks.
        problems: The errors.
        warnings: The warnings.
        text: The text of the input, if it came as text.
    """

    batch: Optional[Batch]
    problems: Tuple[Problem, ...]
    warnings: Tuple[Problem, ...]
    text: Optional[str]


def load_right_parts(
    data: Union[bytes, str, Mapping[str, Any]],
    *,
    source: Optional[str] = None,
    values: Optional[Values] = None,
    selection: Optional[Selection] = None,
) -> Loaded:
    """
    Load the valid parts of a batch, to check them further; the parameters are those of :func:`load_batch`.

    Raises:
        InputError: The input is not JSON, or contains values that cannot be written as JSON.
        OptionError: The values do not fit its data, or the selection its jobs.
    """
    text: Optional[str] = None
    has_duplicates = False
    value: Any = data
    if isinstance(data, (bytes, bytearray, str)):
        parsed = parse(data if isinstance(data, str) else bytes(data), source=source)
        value, text, has_duplicates = parsed.value, parsed.text, parsed.has_duplicates
    document, findings = _to_document(value, text, source)
    if findings:
        raise InputError(locate_findings(findings, text), source=source, text=text)
    whole = document
    left_out: FrozenSet[int] = frozenset()
    if selection:
        left_out = selection.left_out(document)
        document = _without_jobs(document, left_out)
    findings = explain("batch", document) or _long_durations(document)
    problems = _without_secrets(locate_findings(findings, text), document)
    warnings = _duplicate_warnings(text) if text is not None and has_duplicates else []
    if any(finding.path[:1] != ("jobs",) or finding.path == ("jobs",) for finding in findings):
        return Loaded(None, problems, _as_warnings(warnings, document), text)
    wrong = {int(finding.path[1]) for finding in findings}
    batch = _build(document, text=text, source=source, wrong=wrong)
    found = [*warnings, *locate_findings(_strange_things(batch, wrong), text)]
    if values:
        batch = replace(batch, data=values.added_to(batch.data), added=values.as_pairs())
        batch = replace(batch, unused=tuple(locate_problems(values.unused_in(batch), text)))
    if selection:
        chosen = (
            replace(job, left_out=job.number in left_out, only=selection.iterations_of(job.number))
            for job in batch.jobs
        )
        batch = replace(batch, jobs=tuple(chosen), document=whole)
    strange = _as_warnings([*found, *batch.unused], document)
    return Loaded(replace(batch, warnings=strange), problems, strange, text)


def _without_jobs(document: JSON, numbers: FrozenSet[int]) -> JSON:
    """Return a batch in which some jobs are not enabled; the rest is shared."""
    if not numbers:
        return document
    jobs = [{**job, "enabled": False} if number in numbers else job for number, job in enumerate(document["jobs"])]
    return {**document, "jobs": jobs}


def _as_warnings(problems: Sequence[Problem], document: JSON) -> Tuple[Problem, ...]:
    return _without_secrets([replace(problem, severity=WARNING) for problem in in_order(problems, document)], document)


def _without_secrets(problems: Sequence[Problem], document: JSON) -> Tuple[Problem, ...]:
    """Hide the secrets of a document in problems, which may quote it where the same text is open."""
    if not problems:
        return ()
    redactor = Redactor.of([document])
    return tuple(replace(problem, reason=redactor.blot(problem.reason)) for problem in problems)


def _to_document(value: Any, text: Optional[str], source: Optional[str]) -> Tuple[Any, List[Finding]]:
    try:
        return to_plain(value)
    except TooDeepError as error:
        deep = Problem(pointer(error.path), str(error))
        if text is not None:
            deep = Problem("/", str(error), *too_deep_at(text))
        raise InputError([deep], source=source, text=text) from None


def _build(document: JSONObject, *, text: Optional[str], source: Optional[str], wrong: Container[int]) -> Batch:
    schema = int(document.get("schema", 1))
    common = document.get("global", {})
    given = enumerate(document["jobs"])
    jobs = ((number, _usable_pairs(job) if number in wrong else job) for number, job in given)
    return Batch(
        schema=schema,
        data=common.get("data"),
        transform_pre=_transform(common, "transform-pre", "/global"),
        transform_post=_transform(common, "transform-post", "/global"),
        jobs=tuple(_job(number, job, schema) for number, job in jobs if job is not None),
        document=document,
        text=text,
        source=source,
    )


def _job(number: int, pairs: JSONObject, schema: int) -> Job:
    enabled = pairs.get("enabled", True)
    right = pairs if enabled else _right_pairs(pairs, schema)
    where = f"/jobs/{number}"
    task = right.get("task", [])
    tasks = tuple(task) if isinstance(task, list) else (task,)
    parallel = right.get("parallel", False)
    return Job(
        number=number,
        label=label_of(right, number),
        enabled=enabled,
        iterations=_iterations(right, where),
        tasks=tasks,
        task_is_array="task" in right and isinstance(task, list),
        parallel=parallel,
        backoff=_duration(right, "backoff"),
        sync_start=parallel and right.get("sync-start", True),
        setup_time=_duration(right, "setup-time"),
        task_transform=_transform(right, "task-transform", where),
        continue_if=_transform(right, "continue-if", where),
    )


def _usable_pairs(pairs: JSON) -> Optional[JSONObject]:
    """
    Return the pairs of an invalid job that can be checked further; None if there are none.

    A pair that only a later version has is checked as well. An unknown name may mean another one: without a transform,
    for example, the task is not what it is going to be.
    """
    if not isinstance(pairs, Mapping) or pairs.get("enabled", True) is not True:
        return None
    newest = VERSIONS["batch"][-1]
    usable = _right_pairs(pairs, newest)
    known = load_schema("batch", newest)["$defs"]["enabled-job"]["properties"].keys() | _SHAPING
    missing = {name if name in known else closest(name, sorted(known)) for name in pairs if name not in usable}
    if "enabled" in missing:
        return None
    if not _SHAPING.isdisjoint(missing):
        return {name: value for name, value in usable.items() if name != "task"}
    return usable


def _right_pairs(pairs: JSONObject, schema: int) -> JSONObject:
    """Return the valid pairs of a job that may contain errors."""
    job = {**pairs, "enabled": True}
    document = {"schema": schema, "jobs": [job]}
    violations = find_violations("batch", schema, document)
    wrong = {(*violation.path, violation.name)[2] for violation in violations}
    wrong |= {finding.path[2] for finding in _long_durations(document)}
    return {name: value for name, value in pairs.items() if name not in wrong}


def _iterations(pairs: JSONObject, where: str) -> Union[int, Transform]:
    if isinstance(pairs.get("task"), list):
        return len(pairs["task"])
    if isinstance(pairs.get("iterations"), Mapping):
        return _transform(pairs, "iterations", where) or 1
    return int(pairs.get("iterations", 1))


def _transform(pairs: JSONObject, name: str, where: str) -> Optional[Transform]:
    if name not in pairs:
        return None
    script = pairs[name]["script"]
    joined = script if isinstance(script, str) else "\n".join(script)
    return Transform(where=f"{where}/{name}", script=joined, args=pairs[name].get("args", {}))


def _duration(pairs: JSONObject, name: str) -> timedelta:
    return parse_duration(pairs[name]) if name in pairs else _DURATIONS[name]


def _long_durations(document: JSONObject) -> List[Finding]:
    """Find durations in the right form that are longer than Python can represent."""
    findings: List[Finding] = []
    for number, job in enumerate(document["jobs"]):
        for name in _DURATIONS if job.get("enabled", True) else ():
            try:
                _duration(job, name)
            except (TypeError, ValueError) as error:
                reason = f"found {show(job[name])}, which {error}"
                findings.append(Finding(("jobs", number, name), reason))
    return findings


def _strange_things(batch: Batch, wrong: Container[int]) -> List[Finding]:
    if not batch.document["jobs"]:
        return [Finding(("jobs",), "there are no jobs, so nothing will be run")]
    findings = [
        *_ignored_args(batch.transform_pre, ("global", "transform-pre"), _OWN_VARIABLES),
        *_ignored_args(batch.transform_post, ("global", "transform-post"), _OWN_VARIABLES),
    ]
    for job in batch.jobs:
        if job.enabled and job.number not in wrong:
            findings += _strange_things_of(job, batch.document["jobs"][job.number])
    return findings


def _strange_things_of(job: Job, pairs: JSONObject) -> Iterable[Finding]:
    path: Path = ("jobs", job.number)
    if job.task_is_array and not job.tasks:
        yield Finding((*path, "task"), "the array of tasks is empty, so this job has no iterations")
        return
    if job.task_is_array and "iterations" in pairs and pairs["iterations"] != len(job.tasks):
        count = len(job.tasks)
        reason = f"{show(pairs['iterations'])} is ignored: the array of tasks sets the number of iterations, {count}"
        yield Finding((*path, "iterations"), reason)
    for name in _FOR_PARALLEL if not job.parallel else ():
        if name in pairs:
            yield Finding((*path, name), f'{name} is ignored: it requires "parallel": true', at_name=True)
    yield from _ignored_args(job.task_transform, (*path, "task-transform"), _OWN_VARIABLES)
    yield from _ignored_args(job.continue_if, (*path, "continue-if"), ["global"])
    if isinstance(job.iterations, Transform):
        yield from _ignored_args(job.iterations, (*path, "iterations"), ["global"])
    if job.sync_start and job.backoff and "sync-start" not in pairs and job.iterations != 1:
        yield Finding(
            (*path, "backoff"),
            "the iterations of this parallel job start at the same time, so backoff delays only their submission; "
            'set "sync-start": false to delay their starts, or true to silence this warning',
        )


def _ignored_args(transform: Optional[Transform], path: Path, own: Iterable[str]) -> Iterable[Finding]:
    """Find arguments that a script cannot see, as it has a variable of that name in any case."""
    given = {} if transform is None else transform.args
    for name in own:
        if name in given:
            reason = f'"{name}" is ignored: ${name} is {_OWN_VARIABLES[name]}'
            yield Finding((*path, "args", name), reason, at_name=True)


def _duplicate_warnings(text: str) -> List[Problem]:
    warnings: List[Problem] = []
    lines = Lines(text)
    for duplicate in find_duplicates(text):
        first, second = lines.place(duplicate.first), lines.extent(text, duplicate.second)
        name = shorten(str(duplicate.path[-1]))
        reason = f'"{name}" occurs twice, first at line {first[0]}, column {first[1]}; the last one is used'
        warnings.append(Problem(pointer(duplicate.path), reason, *second[:2], end_column=second[2]))
    return warnings
