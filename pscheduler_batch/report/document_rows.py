"""
Convert an output document to the rows of a report.

The document comes from this program (ADR 14), perhaps from an older version without the ``run`` pair, or from the batch
processor that perfSONAR ships, whose results have the same three formats and nothing else. Documents from files have
been checked by :mod:`~pscheduler_batch.report.output_reader` before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from pscheduler_batch.errors import BatchError
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.iso8601 import parse_duration, parse_timestamp
from pscheduler_batch.metrics.expectations import (
    Expectation,
    Expected,
    Judgment,
    KnownJob,
    read_judgments,
    resolve,
)
from pscheduler_batch.metrics.headlines import headline_of
from pscheduler_batch.metrics.measurement import Measurement, Pool, measure
from pscheduler_batch.metrics.samples import Samples
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.output.document import PARTICIPANTS
from pscheduler_batch.planning.sweep import varied_values
from pscheduler_batch.pointers import is_secret, pointer
from pscheduler_batch.redaction import Redactor, find_secrets
from pscheduler_batch.report.judging import judge, unreadable
from pscheduler_batch.report.loads import LOAD, Loads, hosts_of
from pscheduler_batch.report.rows import BatchReport, JobMetrics, Row
from pscheduler_batch.scheduler.api import FAILED, FINISHED
from pscheduler_batch.scheduler.tasks import destination_of

_NO_REASON = "no reason given in the result"
_NO_RUN = "there was no run"
# No time or duration is longer.
_LONGEST_TEXT = 64
# A label is in every row of some reports: a longer one, times the number of runs, would take a gigabyte.
_LONGEST_LABEL = 200

Value = TypeVar("Value", datetime, timedelta)
Key = Tuple[int, int]


@dataclass(frozen=True)
class _Job:
    """What the rows of one job have in common, and what they add up to."""

    number: int
    label: str
    synchronized: bool
    secrets: AbstractSet[str]
    pools: Dict[str, Pool] = field(default_factory=dict)

    def measure(self, test: str, spec: JSON, result: JSON) -> Measurement:
        """Measure a run, and add it to those of the job."""
        measurement = measure(test, spec, result)
        if measurement.metrics:
            self.pools.setdefault(test, Pool(test)).add(measurement)
        return measurement

    @property
    def metrics(self) -> Iterator[JobMetrics]:
        """The metrics of all runs, for each type of test."""
        for test, pool in self.pools.items():
            yield JobMetrics(
                self.number,
                self.label,
                test,
                pool.runs,
                pool.metrics,
                pool.packets,
                pool.intervals,
                pool.loaded,
                pool.idle,
            )


@dataclass(frozen=True)
class _Iteration:
    """What the rows of one iteration have in common; ``shown`` is the task without secrets."""

    job: _Job
    number: int
    result: JSONObject
    hider: Redactor
    shown: JSONObject
    whole: bool

    @property
    def task(self) -> JSONObject:
        return _object(self.result.get("task"))

    @property
    def error(self) -> Optional[str]:
        error = self.result.get("error")
        return error if isinstance(error, str) and error.strip() else None


def report_of(document: JSONObject, expectations: Sequence[Expectation] = ()) -> BatchReport:
    """
    Convert the output document of a batch to its report.

    Args:
        document: As :func:`~pscheduler_batch.output.document.render_document` makes it; it is not changed.
        expectations: What its jobs are to be judged by, in addition to what they were judged by already.

    Raises:
        ExpectationError: An expectation is about no job.
    """
    expected = resolve(expectations, _known_jobs(document)) if expectations else ()
    return _report(document, _results_of(document), lambda _: True, expected)


def rows_of(document: JSONObject) -> Iterator[Row]:
    """
    Convert an output document to rows, job after job.

    Args:
        document: As for :func:`report_of`.
    """
    loads = Loads()
    for _, rows in _jobs(document, _results_of(document, LOAD), lambda _: False):
        for row in rows:
            loads.add(row)
    for _, rows in _jobs(document, _results_of(document), lambda _: True):
        yield from map(loads.split, rows)


def report_of_texts(document: JSONObject, texts: Mapping[int, Iterable[str]], whole: AbstractSet[Key]) -> BatchReport:
    """
    Make the report of a batch whose results do not fit into memory together.

    Args:
        document: The output document, without results.
        texts: The results of each job as JSON, by its number; one at a time is in memory.
        whole: The iterations whose task, text, HTML and JSON the rows contain, by the numbers of job and iteration.
    """
    return _report(document, {number: map(json.loads, each) for number, each in texts.items()}, whole.__contains__)


def judgments_of(
    document: JSONObject, texts: Mapping[int, Iterable[str]], expected: Sequence[Expected]
) -> Tuple[Judgment, ...]:
    """
    Judge the expectations of a batch that has just ended.

    Args:
        document: The output document, without results and without its ``batch`` pair.
        texts: As for :func:`report_of_texts`.
        expected: The expectations of each job.

    Returns:
        A judgment of each; nothing was measured where results cannot be read.
    """
    concerned = {each.job for each in expected}
    try:
        found = {number: map(json.loads, each) for number, each in texts.items() if number in concerned}
        return _report(document, found, lambda _: False, expected).judgments
    except BatchError as error:
        labels = {job.number: job.label for job, _ in _jobs(document, {}, lambda _: False)}
        return unreadable(expected, labels, str(error))


def _report(
    document: JSONObject,
    results: Mapping[int, Iterable[JSONObject]],
    is_whole: Callable[[Key], bool],
    expected: Sequence[Expected] = (),
) -> BatchReport:
    batch = _object(document.get("batch"))
    rows: List[Row] = []
    jobs: List[_Job] = []
    unrun: List[str] = []
    loads = Loads()
    for job, found in _jobs(document, results, is_whole):
        jobs.append(job)
        rows += found
        for row in found:
            loads.add(row)
        if not found:
            unrun.append(job.label)
    labels = {job.number: job.label for job in jobs}
    if loads:
        pools = {(job.number, test): pool for job in jobs for test, pool in job.pools.items()}
        rows = [_with_load(row, loads, pools) for row in rows]
    metrics = [each for job in jobs for each in job.metrics]
    error = batch.get("error")
    common = Redactor(_common_secrets(document))
    judged = read_judgments(batch.get("expectations"), common.text)
    known = {(each.expectation, each.job) for each in judged}
    added = [each for each in judge(expected, rows, metrics, labels) if (each.expectation, each.job) not in known]
    return BatchReport(
        rows=tuple(rows),
        start=_read(parse_timestamp, batch.get("start")),
        end=_read(parse_timestamp, batch.get("end")),
        error=common.text(error) if isinstance(error, str) else None,
        unrun=tuple(unrun),
        jobs=tuple(metrics),
        judgments=(*judged, *added),
    )


def _with_load(row: Row, loads: Loads, pools: Mapping[Tuple[int, str], Pool]) -> Row:
    """Complete a row, and what it adds to the metrics of its job."""
    split = loads.split(row)
    if split is not row:
        pools[row.job, row.test].add_load(split.samples)
    return split


def _known_jobs(document: JSONObject) -> List[KnownJob]:
    """Describe the jobs of an output; tests are those of tasks that were submitted."""
    return [
        KnownJob(
            number,
            _label(job, number),
            job.get("enabled") is not False,
            frozenset(filter(None, (_test_of(_object(result.get("task"))) for result in job.get("results", [])))),
        )
        for number, job in enumerate(document["jobs"])
    ]


def _test_of(task: JSONObject) -> str:
    return _text(_object(task.get("test")).get("type"))


def _results_of(document: JSONObject, test: str = "") -> Dict[int, Iterable[JSONObject]]:
    """Return the results of each job, or those of one test."""
    return {
        number: [each for each in job.get("results", []) if not test or _test_of(_object(each.get("task"))) == test]
        for number, job in enumerate(document["jobs"])
    }


def _jobs(
    document: JSONObject, results: Mapping[int, Iterable[JSONObject]], is_whole: Callable[[Key], bool]
) -> Iterator[Tuple[_Job, List[Row]]]:
    """Convert one job after another; its metrics are known when its rows are."""
    common = _common_secrets(document)
    hiders = _Hiders()
    for number, given in enumerate(document["jobs"]):
        secrets = common | find_secrets({name: value for name, value in given.items() if name != "results"})
        label = _cut(hiders.of(secrets).text(_label(given, number)))
        job = _Job(number, label, _is_synchronized(given), secrets)
        yield job, _rows_of_job(job, results.get(number, ()), hiders, is_whole)


def _common_secrets(document: JSONObject) -> AbstractSet[str]:
    return find_secrets({name: value for name, value in document.items() if name != "jobs"})


def _rows_of_job(
    job: _Job, results: Iterable[JSONObject], hiders: _Hiders, is_whole: Callable[[Key], bool]
) -> List[Row]:
    rows: List[Row] = []
    tasks = _Tasks()
    for number, result in enumerate(results):
        hider = hiders.of(job.secrets | find_secrets(result.get("task")))
        shown = _object(hider.value(_object(result.get("task"))))
        tasks.append(shown)
        rows += _rows(_Iteration(job, number, result, hider, shown, is_whole((job.number, number))))
    varied = [
        {pointer(path): value for path, value in values.items() if not is_secret(path)}
        for values in varied_values(tasks)
    ]
    return [replace(row, varied=varied[row.iteration]) for row in rows] if any(varied) else rows


class _Tasks:
    """Many tasks, stored as JSON, which takes a tenth of the memory."""

    def __init__(self) -> None:
        self._texts: List[str] = []

    def append(self, task: JSONObject) -> None:
        self._texts.append(json.dumps(task))

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[JSON]:
        return map(json.loads, self._texts)

    def __contains__(self, task: object) -> bool:
        return any(task == known for known in self)


class _Hiders:
    """Caches the redactor of a set of secrets, as most iterations of a batch have the same set."""

    def __init__(self) -> None:
        self._made: Dict[Any, Redactor] = {}

    def of(self, secrets: AbstractSet[str]) -> Redactor:
        key = frozenset(secrets)
        if key not in self._made:
            # Where every iteration has secrets of its own, earlier ones are not needed again.
            self._made = {key: Redactor(key)}
        return self._made[key]


def _rows(iteration: _Iteration) -> List[Row]:
    runs = [_object(run) for run in iteration.result["runs"]]
    if not runs:
        return [_row(iteration, None, {}, iteration.error or _NO_RUN)]
    succeeded = [_object(run.get("application/json")).get("succeeded") is True for run in runs]
    # If the iteration failed although no run did, its error is given with every run.
    also = iteration.result.get("succeeded") is False and all(succeeded)
    rows: List[Row] = []
    for number, run in enumerate(runs):
        reason = None
        if also:
            reason = iteration.error or _NO_REASON
        elif not succeeded[number]:
            reason = _reason(iteration, run, alone=len(runs) == 1)
        rows.append(_row(iteration, number, run, reason))
    return rows


def _row(iteration: _Iteration, number: Optional[int], run: JSONObject, reason: Optional[str]) -> Row:
    task, hide = iteration.task, iteration.hider
    about, result = _object(run.get("run")), run.get("application/json")
    test = _object(task.get("test"))
    kind = _text(test.get("type"))
    measured = iteration.job.measure(kind, test.get("spec"), result)
    state = hide.text(_state(about, result))
    schedule = _object(task.get("schedule"))
    whole = iteration.whole
    lead_run = _object(iteration.result.get("lead-run"))
    is_led = number is not None and _read(parse_timestamp, lead_run.get("start-time")) is not None
    times = lead_run if is_led else about
    return Row(
        job=iteration.job.number,
        job_label=iteration.job.label,
        iteration=iteration.number,
        run=number,
        test=hide.text(kind),
        lead=hide.text(_lead(about)),
        destination=hide.text(destination_of(test.get("spec"))),
        state=state,
        succeeded=reason is None,
        metrics=measured.metrics,
        headline=headline_of(kind, result, measured.metrics) or state,
        reason=None if reason is None else hide.text(reason),
        planned=_read(parse_timestamp, schedule.get("start")) if iteration.job.synchronized else None,
        start=_read(parse_timestamp, times.get("start-time")),
        end=_read(parse_timestamp, times.get("end-time")),
        late=_read(parse_duration, iteration.result.get("late")),
        task=iteration.shown if whole else {},
        varied={},
        text=_rendered(run, "text/plain", hide) if whole else None,
        html=_rendered(run, "text/html", hide) if whole else None,
        result=hide.value(result) if whole else None,
        participants=hide.value(run.get(PARTICIPANTS)) if whole else None,
        whole=whole,
        lead_state=hide.text(_state(lead_run, result)) if is_led else None,
        result_time=_read(parse_timestamp, about.get("end-time")) if is_led else None,
        hosts=tuple(map(hide.text, hosts_of(about, test.get("spec")))),
        samples=_hidden(measured.samples, hide),
    )


def _hidden(samples: Samples, hider: Redactor) -> Samples:
    """Hide secrets in the only text that samples have."""
    if not samples.paths:
        return samples
    return replace(samples, paths=tuple(tuple(map(hider.text, path)) for path in samples.paths))


def _reason(iteration: _Iteration, run: JSONObject, *, alone: bool) -> str:
    """
    Return why a run failed.

    The error of an iteration covers everything that went wrong in it (ADR 15), so it is preferred for a single run;
    of several runs, each has its own reason first.
    """
    said = _text(_object(run.get("application/json")).get("error")).strip()
    known = [iteration.error, said] if alone else [said, iteration.error]
    return next((reason for reason in known if reason), _NO_REASON)


def _state(about: JSONObject, result: JSON) -> str:
    named = _text(about.get("state")) or _text(_object(result).get("state"))
    return named or (FINISHED if _object(result).get("succeeded") is True else FAILED)


def _lead(about: JSONObject) -> str:
    """Return the host that served a run; if unknown, the first participant."""
    try:
        host = host_of(_text(about.get("href")))
    except ValueError:
        host = ""
    participants = about.get("participants")
    first = participants[0] if isinstance(participants, list) and participants else None
    return host or _text(first)


def _label(job: JSONObject, number: int) -> str:
    return _text(job.get("label")) or f"job-{number}"


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _is_synchronized(job: JSONObject) -> bool:
    return job.get("parallel") is True and job.get("sync-start", True) is True


def _rendered(run: JSONObject, media_type: str, hider: Redactor) -> Optional[str]:
    text = run.get(media_type)
    return hider.text(text) if isinstance(text, str) else None


def _read(parse: Callable[[str], Value], value: Any) -> Optional[Value]:
    """Parse a time or a duration from a server; None if it is invalid."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return None
    try:
        return parse(value)
    except ValueError:
        return None


def _object(value: Any) -> JSONObject:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
