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
from itertools import groupby, islice
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
    Set,
    Tuple,
    TypeVar,
    Union,
)

from pscheduler_batch.errors import BatchError
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.iso8601 import parse_duration, parse_timestamp
from pscheduler_batch.metrics.distribution import SampleCounts
from pscheduler_batch.metrics.expectations import (
    Expectation,
    Expected,
    Judgment,
    KnownJob,
    read_judgments,
    resolve,
)
from pscheduler_batch.metrics.headlines import headline_of
from pscheduler_batch.metrics.measurement import Measurement, Pool, measure, with_load
from pscheduler_batch.metrics.samples import Samples
from pscheduler_batch.model import JSON, SEEDS, Batch, Iteration, JobPlan, JSONObject, Plan
from pscheduler_batch.output.document import PARTICIPANTS
from pscheduler_batch.planning.sweep import Variation
from pscheduler_batch.pointers import Path
from pscheduler_batch.redaction import Redactor, find_secrets
from pscheduler_batch.report.judging import judge, unreadable
from pscheduler_batch.report.loads import DELAYS, Loads, hosts_of, load_of, span_of
from pscheduler_batch.report.output_reader import Output
from pscheduler_batch.report.rows import SKIPPED, BatchReport, JobMetrics, Row, Span
from pscheduler_batch.report.stored_rows import StoredRows, varied_pointers, varied_row
from pscheduler_batch.run_states import FAILED, FINISHED, RUN_STATES
from pscheduler_batch.scheduler.tasks import destination_of

_NO_REASON = "no reason given in the result"
_NO_RUN = "there was no run"
# No time or duration is longer.
_LONGEST_TEXT = 64
# How many throughput tests of other jobs a job knows that may have been a load.
_MOST_LOADS = 100
# A label is in every row of some reports: a longer one, times the number of runs, would take a gigabyte.
_LONGEST_LABEL = 200

Value = TypeVar("Value", datetime, timedelta)


@dataclass(frozen=True)
class _Job:
    """What the rows of one job have in common, and what they add up to."""

    number: int
    label: str
    synchronized: bool
    secrets: AbstractSet[str]
    pools: Dict[str, Pool] = field(default_factory=dict)
    tests: Set[str] = field(default_factory=set)

    def measure(self, test: str, spec: JSON, result: JSON) -> Measurement:
        """Measure a run, and add it to those of the job."""
        self.tests.add(test)
        measurement = measure(test, spec, result)
        if measurement.metrics:
            self.pools.setdefault(test, Pool(test)).add(measurement)
        return measurement

    @property
    def metrics(self) -> Iterator[JobMetrics]:
        """The metrics of all runs, for each type of test, without those under load."""
        for test, pool in self.pools.items():
            yield JobMetrics(self.number, self.label, test, pool.runs, pool.metrics, pool.packets, pool.intervals)


class _UnderLoad:
    """Which packets of one test in a job were sent under load, which were not, and when it ran (ADR 59)."""

    def __init__(self) -> None:
        self._loaded = SampleCounts()
        self._idle = SampleCounts()
        self._runs: Dict[Tuple[str, ...], List[Span]] = {}

    def add(self, row: Row) -> None:
        """Add a completed row."""
        self._loaded.add(row.samples.loaded)
        self._idle.add(row.samples.idle)
        run = span_of(row.start, row.end)
        if run is not None:
            self._runs.setdefault(row.hosts, []).append(run)

    def complete(self, known: JobMetrics, loads: Loads) -> JobMetrics:
        """Add what the packets add up to."""
        counts = self._loaded.counts, self._idle.counts
        return replace(
            known,
            metrics=with_load(known.test, Measurement(known.metrics), *counts).metrics,
            loaded=self._loaded.size,
            idle=self._idle.size,
            loads=tuple(islice(loads.beside(self._runs, but=known.job), _MOST_LOADS)),
        )


@dataclass(frozen=True)
class _Iteration:
    """What the rows of one iteration have in common; ``shown`` is the task without secrets."""

    job: _Job
    number: int
    result: JSONObject
    hider: Redactor
    shown: JSONObject
    results: bool

    @property
    def task(self) -> JSONObject:
        return _object(self.result.get("task"))

    @property
    def error(self) -> Optional[str]:
        error = self.result.get("error")
        return error if isinstance(error, str) and error.strip() else None


def report_of(
    output: Union[Output, JSONObject], expectations: Sequence[Expectation] = (), *, results: bool = True
) -> BatchReport:
    """
    Convert the output of a batch to its report.

    Args:
        output: The output, or its document as :func:`~pscheduler_batch.output.document.render_document` makes it; it is
            not changed.
        expectations: What its jobs are to be judged by, in addition to what they were judged by already.
        results: Whether rows contain the results: text, HTML and JSON.

    Raises:
        ExpectationError: An expectation is about no job.
    """
    given = output if isinstance(output, Output) else Output.of(output)

    def expected(jobs: Sequence[_Job]) -> Sequence[Expected]:
        return resolve(expectations, _known_jobs(given.document, jobs)) if expectations else ()

    return _report(given, expected, results=results)


def rows_of(output: Union[Output, JSONObject], *, results: bool = True) -> Iterator[Row]:
    """
    Convert an output to rows, job after job.

    Args:
        output: As for :func:`report_of`.
        results: The same.
    """
    yield from report_of(output, results=results).rows


def report_of_texts(
    document: JSONObject,
    texts: Mapping[int, Iterable[str]],
    *,
    secrets: JSON = None,
    results: bool = True,
    expected: Sequence[Expected] = (),
) -> BatchReport:
    """
    Make the report of a batch that has just ended.

    Args:
        document: The output document, without results.
        texts: The results of each job as JSON, by its number; one at a time is in memory.
        secrets: Those of the data of the batch, of which the document has nothing that came from outside, as pairs.
        results: Whether rows contain the results: text, HTML and JSON.
        expected: The expectations of each job.
    """
    parsed = {number: map(json.loads, each) for number, each in texts.items()}
    return _report(Output(document, parsed, secrets), lambda _: expected, results=results)


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
    try:
        # Those of all jobs: one job may load the path of another.
        return report_of_texts(document, texts, results=False, expected=expected).judgments
    except BatchError as error:
        labels = {job.number: job.label for job in _jobs(Output(document, {}), StoredRows(), Loads())}
        return unreadable(expected, labels, str(error))


def _report(
    output: Output, expected: Callable[[Sequence[_Job]], Sequence[Expected]], *, results: bool = True
) -> BatchReport:
    batch = _object(output.document.get("batch"))
    rows = StoredRows()
    jobs: List[_Job] = []
    metrics: List[JobMetrics] = []
    unrun: List[str] = []
    loads = Loads()
    before = 0
    for job in _jobs(output, rows, loads, results=results):
        jobs.append(job)
        metrics += job.metrics
        # The samples of all jobs together may be too many for memory.
        job.pools.clear()
        if len(rows) == before:
            unrun.append(job.label)
        before = len(rows)
    if loads:
        rows.complete_with(loads.split)
        metrics = _with_load(metrics, rows, loads)
    error = batch.get("error")
    common = Redactor(_common_secrets(output.document, output.secrets))
    judged = read_judgments(batch.get("expectations"), common.text)
    known = {(each.expectation, each.job) for each in judged}
    judgments = judge(expected(jobs), rows, metrics, {job.number: job.label for job in jobs})
    return BatchReport(
        rows=rows,
        start=_read(parse_timestamp, batch.get("start")),
        end=_read(parse_timestamp, batch.get("end")),
        error=common.text(error) if isinstance(error, str) else None,
        seed=_seed_of(batch.get("shuffle")),
        unrun=tuple(unrun),
        jobs=tuple(metrics),
        judgments=(*judged, *(each for each in judgments if (each.expectation, each.job) not in known)),
    )


def _with_load(metrics: Iterable[JobMetrics], rows: Iterable[Row], loads: Loads) -> List[JobMetrics]:
    """Add what was measured under load to the metrics of jobs, one job after another."""
    completed = {(each.job, each.test): each for each in metrics}
    for number, of_job in groupby(rows, key=lambda row: row.job):
        found: Dict[str, _UnderLoad] = {}
        for row in of_job:
            if row.test in DELAYS and (number, row.test) in completed:
                found.setdefault(row.test, _UnderLoad()).add(row)
        for test, under_load in found.items():
            completed[number, test] = under_load.complete(completed[number, test], loads)
    return list(completed.values())


def _seed_of(order: JSON) -> Optional[int]:
    seed = _object(order).get("seed")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < SEEDS else None


def _known_jobs(document: JSONObject, jobs: Sequence[_Job]) -> List[KnownJob]:
    """Describe the jobs of an output; tests are those of tasks that were submitted."""
    return [
        KnownJob(job.number, _label(given, job.number), given.get("enabled") is not False, frozenset(job.tests - {""}))
        for job, given in zip(jobs, document["jobs"])
    ]


def _number_of(result: JSONObject, index: int) -> int:
    """Return the number of an iteration: its own, if not all of the job were run (ADR 70), otherwise its place."""
    number = result.get("iteration")
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= index else index


def _jobs(output: Output, rows: StoredRows, loads: Loads, *, results: bool = True) -> Iterator[_Job]:
    """Convert one job after another; its rows are stored when it is yielded."""
    common = _common_secrets(output.document, output.secrets)
    hiders = _Hiders()
    for number, given in enumerate(output.document["jobs"]):
        job = _job_of(given, number, common, hiders)
        variation = Variation()
        for index, result in enumerate(output.results.get(number, ())):
            iteration = _number_of(result, index)
            hider = hiders.of(job.secrets | find_secrets(result.get("task")))
            shown = _object(hider.value(_object(result.get("task"))))
            variation.add(shown)
            for row in _rows(_Iteration(job, iteration, result, hider, shown, results)):
                rows.append(row)
                loads.add(load_of(row))
        rows.end_job(variation)
        yield job


class LiveRows:
    """
    Makes the rows of a batch while it runs, of each iteration when it ends.

    They are those of the report at the end, except for what is known only then: which packets were sent under load.
    """

    def __init__(self, batch: Batch, plan: Plan) -> None:
        """
        Prepare to make rows.

        Args:
            batch: The batch.
            plan: Its plan, which says what each job varies.
        """
        self._document = batch.document
        self._hiders = _Hiders()
        self._common = _common_secrets(self._document, batch.secrets)
        self._varied = {job_plan.job.number: _varied_in(job_plan) for job_plan in plan.jobs}
        self._job: Optional[_Job] = None

    def label_of(self, job: int) -> str:
        """Return the label of a job, as its rows have it."""
        return self._find_job(job).label

    def rows_of(self, iteration: Iteration, result: JSONObject, *, results: bool = False) -> List[Row]:
        """
        Return a row for every run of an iteration, or one if it has none.

        Args:
            iteration: The iteration.
            result: Its result as in the output.
            results: Whether rows contain the results: text, HTML and JSON.
        """
        job = self._find_job(iteration.job)
        hider = self._hiders.of(job.secrets | find_secrets(iteration.task))
        shown = _object(hider.value(iteration.task))
        rows = _rows(_Iteration(job, iteration.number, result, hider, shown, results))
        job.pools.clear()
        return [varied_row(row, self._varied[iteration.job]) for row in rows]

    def _find_job(self, number: int) -> _Job:
        if self._job is None or self._job.number != number:
            self._job = _job_of(self._document["jobs"][number], number, self._common, self._hiders)
        return self._job


def _varied_in(plan: JobPlan) -> Mapping[Path, str]:
    variation = Variation()
    # The iterations of a job without transforms share their task.
    for task in {id(iteration.task): iteration.task for iteration in plan.by_number}.values():
        variation.add(task)
    return varied_pointers(variation)


def _job_of(given: JSONObject, number: int, common: AbstractSet[str], hiders: _Hiders) -> _Job:
    secrets = common | find_secrets({name: value for name, value in given.items() if name != "results"})
    label = _cut(hiders.of(secrets).text(_label(given, number)))
    return _Job(number, label, _is_synchronized(given), secrets)


def _common_secrets(document: JSONObject, others: JSON) -> AbstractSet[str]:
    return find_secrets([{name: value for name, value in document.items() if name != "jobs"}, others])


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
    state = SKIPPED if iteration.result.get("skipped") is True else _shown_state(_state(about, result), hide)
    schedule = _object(task.get("schedule"))
    results = iteration.results
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
        task=iteration.shown,
        varied={},
        text=_rendered(run, "text/plain", hide) if results else None,
        html=_rendered(run, "text/html", hide) if results else None,
        result=hide.value(result) if results else None,
        participants=hide.value(run.get(PARTICIPANTS)) if results else None,
        runs=len(iteration.result["runs"]),
        lead_state=_shown_state(_state(lead_run, result), hide) if is_led else None,
        result_time=_read(parse_timestamp, about.get("end-time")) if is_led else None,
        hosts=tuple(map(hide.text, hosts_of(about, test.get("spec")))),
        href=hide.text(_text(about.get("href"))),
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


def _shown_state(state: str, hider: Redactor) -> str:
    """Hide secrets in a state, unless it is one of pScheduler's, by which programs select rows (ADR 75)."""
    return state if state in RUN_STATES else hider.text(state)


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
