"""The output document: the input with the results of its jobs (document, "Output"; ADR 14)."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from pscheduler_batch.iso8601 import format_duration, format_timestamp
from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.model import JSON, Batch, Iteration, IterationResult, JSONObject, Plan, Run, RunResult
from pscheduler_batch.redaction import redactor_of
from pscheduler_batch.scheduler.api import RENDERED_FORMATS, reasons_of

JSON_FORMAT = "application/json"

# The pair of a failed run that has the results of its participants, and what its error says of it.
PARTICIPANTS = "result-full"
_PARTICIPANTS_KEPT = f"the results of the participants are kept as {PARTICIPANTS}"

# The pairs of a server's description of a run that are in the output.
LEAD_DESCRIPTION = ("href", "state", "start-time", "end-time")
DESCRIPTION = (*LEAD_DESCRIPTION, "participants")

# The texts of the results of each job that was run, by its number.
Results = Mapping[int, Iterable[str]]

# Characters after which a piece of the document is written.
PIECE_SIZE = 65_536

# How the text of a result ends.
_END = "\n}"

_ENCODER = json.JSONEncoder(indent=2)


def render_result(result: IterationResult) -> Dict[str, Any]:
    """
    Render the result of an iteration.

    Returns:
        An object with ``task`` and ``runs``; also ``lead-run`` if the task had several results (ADR 15), ``late`` (a
        duration) if it missed its synchronized start, ``"skipped": true`` if it was not submitted because another one
        failed, and ``"succeeded": false`` with ``error`` if something failed.
        If only some iterations of its job are run, ``iteration`` is its number (ADR 70).
    """
    rendered: Dict[str, Any] = {
        **_numbered(result.iteration),
        "task": result.iteration.task,
        "runs": [render_run(run, result) for run in result.runs],
    }
    if result.lead_run is not None:
        rendered["lead-run"] = _described(result.lead_run, LEAD_DESCRIPTION)
    if result.late is not None:
        rendered["late"] = format_duration(_milliseconds(result.late))
    error = error_of(result)
    if result.skipped:
        rendered["skipped"] = True
    if error is not None:
        rendered["succeeded"] = False
        rendered["error"] = error
    return rendered


def _numbered(iteration: Iteration) -> Dict[str, Any]:
    return {"iteration": iteration.number} if iteration.numbered else {}


def render_run(run: RunResult, result: IterationResult) -> Dict[str, Any]:
    """
    Render a run in its three formats.

    A format that could not be fetched is null, with the reason under ``errors``. A run without any result has its state
    and the reason as ``application/json``. A failed run has the results of its participants under ``result-full`` if
    one of them succeeded (ADR 50). The time and place of the run, from the server, are under ``run``.

    Args:
        run: The run.
        result: The result that it belongs to, with the reason for a missing result if the run has none.
    """
    hide = result.iteration.redactor.message
    rendered: Dict[str, Any] = {JSON_FORMAT: run.formats.get(JSON_FORMAT)}
    if rendered[JSON_FORMAT] is None:
        failure = None if result.failure is None else result.failure.message
        reason = "; ".join(reasons_of(run.run)) or failure or _state_words(run.run.state)
        rendered[JSON_FORMAT] = {"succeeded": False, "state": run.run.state, "error": hide(reason)}
    for media_type in RENDERED_FORMATS:
        rendered[media_type] = run.formats.get(media_type)
    if run.failures:
        rendered["errors"] = {name: hide(failure.message) for name, failure in run.failures.items()}
    if run.of_participants:
        rendered[PARTICIPANTS] = run.of_participants
    rendered["run"] = _described(run.run, DESCRIPTION)
    return rendered


def error_of(result: IterationResult) -> Optional[str]:
    """
    Return what failed in an iteration, or None (ADR 15).

    Texts of servers are without the secrets of the task.
    """
    said: List[str] = []
    if result.failure is not None:
        said.append(result.failure.message)
    failed = [run for run in result.runs if not run.succeeded]
    for run in failed:
        words = "; ".join(reasons_of(run.run))
        if not words and result.failure is None:
            words = _state_words(run.run.state)
        if words:
            said.append(words)
    if any(run.of_participants for run in failed):
        said = [*(text.rstrip(".") for text in said), _PARTICIPANTS_KEPT]
    if not result.runs and result.failure is None:
        said.append("there was no run")
    return result.iteration.redactor.message("; ".join(dict.fromkeys(said))) if said else None


def result_text(result: IterationResult) -> str:
    """
    Return the result of an iteration as JSON, indented as in the output document, but from the first column.

    Raises:
        RecursionError: Something in it is nested too deeply.
    """
    return _ENCODER.encode(render_result(result))


def public_text(text: str) -> str:
    """Return the text of a document without its secrets, for where others may read it; it stays such a document."""
    if '"_' not in text:
        return text
    document = json.loads(text)
    return json.dumps(redactor_of(document).value(document, structured=True))


def with_attempts(text: str, earlier: Iterable[str]) -> str:
    """
    Add the earlier attempts at an iteration to its result (ADR 71).

    Args:
        text: The result of the last attempt, as :func:`result_text` returns it.
        earlier: Those of the attempts before it, in their order.
    """
    attempts = ",".join(f"\n    {_moved_in(each, 2)}" for each in earlier)
    return f'{text[: -len(_END)]},\n  "attempts": [{attempts}\n  ]{_END}' if attempts else text


def document_pieces(batch: Batch, results: Results, batch_pair: JSONObject) -> Iterator[str]:
    """
    Return the text of the output document in pieces, so that only one large result is in memory.

    Args:
        batch: The batch; its document is written as a whole.
        results: The texts of the results of each job that was run, by its number.
        batch_pair: What :func:`render_batch_pair` returns.

    Returns:
        Pieces of ASCII of some 64 kB or more: the input, without its comments, with ``results`` in every job and
        ``batch`` at the end.
    """
    return _joined(_pieces({**batch.document, "batch": batch_pair}, results))


def _pieces(document: JSONObject, results: Results) -> Iterator[str]:
    opening = "{"
    for name, value in document.items():
        start = f"{opening}\n  {json.dumps(name)}: "
        if name == "jobs":
            yield start
            yield from _job_pieces(value, results)
        else:
            yield start + _text(value, 1)
        opening = ","
    yield "\n}\n"


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    """Join small pieces: each is encoded and written for itself."""
    joined: List[str] = []
    size = 0
    for piece in pieces:
        joined.append(piece)
        size += len(piece)
        if size >= PIECE_SIZE:
            yield "".join(joined)
            joined, size = [], 0
    yield "".join(joined)


def pieces_of(document: JSONObject) -> Iterator[str]:
    """Yield the text of a document in memory, in the same format."""
    yield from _ENCODER.iterencode(document)
    yield "\n"


def _job_pieces(jobs: Sequence[JSONObject], results: Results) -> Iterator[str]:
    opening = "["
    for number, job in enumerate(jobs):
        pairs = "".join(f"\n      {json.dumps(name)}: {_text(value, 3)}," for name, value in job.items())
        yield f'{opening}\n    {{{pairs}\n      "results": ['
        separator = ""
        for text in results.get(number, ()):
            yield f"{separator}\n        {_moved_in(text, 4)}"
            separator = ","
        yield "\n      ]\n    }" if separator else "]\n    }"
        opening = ","
    yield "\n  ]" if jobs else "[]"


def _text(value: JSON, depth: int) -> str:
    return _moved_in(_ENCODER.encode(value), depth)


def _moved_in(text: str, depth: int) -> str:
    # Line ends are only between values; inside strings they are escaped.
    return text.replace("\n", "\n" + "  " * depth)


def render_batch_pair(
    start: datetime,
    end: datetime,
    error: Optional[str] = None,
    judgments: Sequence[Judgment] = (),
    added: Optional[JSONObject] = None,
    *,
    order: Optional[JSONObject] = None,
) -> Dict[str, Any]:
    """
    Write the ``batch`` pair of the output document.

    Args:
        start: When the batch began.
        end: When it ended.
        error: Why it ended before its time.
        judgments: Which expectations were met (ADR 55).
        added: The values from outside that were added to the data (ADR 69).
        order: What :func:`render_order` returns.
    """
    return {
        "start": format_timestamp(start),
        "end": format_timestamp(end),
        "duration": format_duration(_milliseconds(end - start)),
        **({"data": dict(added)} if added else {}),
        **({"shuffle": dict(order)} if order else {}),
        **({} if error is None else {"error": error}),
        **({"expectations": [judgment.as_pairs() for judgment in judgments]} if judgments else {}),
    }


def render_order(plan: Plan) -> Dict[str, Any]:
    """
    Return the random order of iterations (ADR 72): an empty object without one.

    Returns:
        An object with the ``seed``, and ``orders``: for each job the numbers of its iterations in the order in which
        they are submitted, or null if it is parallel or not enabled.
    """
    if plan.seed is None:
        return {}
    orders = [
        None if each.job.parallel or not each.job.enabled else [iteration.number for iteration in each.iterations]
        for each in plan.jobs
    ]
    return {"seed": plan.seed, "orders": orders}


def render_document(batch: Batch, results: Results, batch_pair: JSONObject) -> Dict[str, Any]:
    """Return the output document as a value; the arguments are those of :func:`document_pieces`."""
    document = _with_results(batch, {number: [json.loads(text) for text in texts] for number, texts in results.items()})
    document["batch"] = dict(batch_pair)
    return document


def render_plan(batch: Batch, plan: Plan) -> Dict[str, Any]:
    """
    Return what a batch would submit: the output document with the task of each iteration and no runs.

    Its ``batch`` pair has a random order of iterations; without one, there is no such pair.
    """
    document = _with_results(
        batch,
        {
            job.job.number: [{**_numbered(item), "task": item.task, "runs": []} for item in job.by_number]
            for job in plan.jobs
        },
    )
    order = render_order(plan)
    return {**document, "batch": {"shuffle": order}} if order else document


def _with_results(batch: Batch, results: Mapping[int, List[Dict[str, Any]]]) -> Dict[str, Any]:
    # A copy, as the caller may change the document and run the batch again.
    document: Dict[str, Any] = deepcopy(dict(batch.document))
    for number, job in enumerate(document["jobs"]):
        job["results"] = results.get(number, [])
    return document


def _described(run: Run, names: Sequence[str]) -> Dict[str, Any]:
    return {name: run.document[name] for name in names if run.document.get(name) is not None}


def _state_words(state: str) -> str:
    return f'the run ended as "{state}", and the server gave no reason'


def _milliseconds(span: timedelta) -> timedelta:
    return timedelta(milliseconds=round(span / timedelta(milliseconds=1)))
