"""
The rows of a plan: one for each iteration, fewer for jobs with many of them.

They hold values and words; :mod:`pscheduler_batch.terminal.plan_view` fits them to a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Callable, Dict, Mapping, Optional, Sequence, Set, Tuple

from pscheduler_batch.model import JSON, JSONObject, redactor_of_all
from pscheduler_batch.planning.sweep import varied_values
from pscheduler_batch.planning.timeline import IterationTimes, JobTimes, Timeline
from pscheduler_batch.pointers import Path, is_secret
from pscheduler_batch.scheduler.tasks import Length, destination_of, source_of
from pscheduler_batch.text import HIDDEN, count_words, list_names, printable, two_units

# A job with more iterations than this is summarized: the first few of its iterations are shown, and the last.
MOST_ITERATIONS = 40
FIRST_ITERATIONS = 3

# In a batch with more iterations than this, a job with more iterations than that is summarized.
LARGE_BATCH = 200
MOST_IN_LARGE_BATCH = 5

# A batch with more jobs than this is summarized: the first few of them are shown, and the last.
MOST_JOBS = 60
FIRST_JOBS = 20

# How many of the places that vary are named.
MOST_PLACES = 4

UNKNOWN = "?"

# No cell is wider than a terminal, so nothing is lost.
_LONGEST_TEXT = 300


@dataclass(frozen=True)
class PlanRow:
    """
    One row of a job.

    Attributes:
        label: The label of the job; empty in a row that stands for many iterations.
        number: What follows it, such as "/3"; in a row for many iterations, "... 985 more ...".
        test: The type of the test.
        source: The source of the measurement; empty where the task does not name one.
        destination: The destination of the measurement; empty where the task does not name one.
        posted: When the task is posted, in words.
        starts: When the run starts, in words.
        lasts: The duration of the run, in words.
        begin: When the task is posted.
        start: When the run starts.
        end: When the run ends.
        known: Whether all durations are known.
    """

    label: str
    number: str
    test: str
    source: str
    destination: str
    posted: str
    starts: str
    lasts: str
    begin: timedelta
    start: timedelta
    end: timedelta
    known: bool


def shown_jobs(timeline: Timeline) -> Tuple[Tuple[JobTimes, ...], int]:
    """
    Choose the jobs that are shown.

    Returns:
        The jobs, and how many are left out before the last one.
    """
    jobs = timeline.jobs
    if len(jobs) <= MOST_JOBS:
        return jobs, 0
    return (*jobs[:FIRST_JOBS], jobs[-1]), len(jobs) - FIRST_JOBS - 1


def most_iterations(timeline: Timeline) -> int:
    """Return the most iterations that a job may have to be shown with all of them."""
    return MOST_ITERATIONS if timeline.count <= LARGE_BATCH else MOST_IN_LARGE_BATCH


def rows_of(times: JobTimes, most: int = MOST_ITERATIONS) -> Tuple[PlanRow, ...]:
    """
    Make the rows of a job: one for each iteration, or the first few, one for all the others, and the last.

    Args:
        times: The job.
        most: The most iterations that it may have to be shown with all of them.
    """
    if len(times.iterations) <= most:
        return tuple(_row(times, place) for place in range(len(times.iterations)))
    last = len(times.iterations) - 1
    first = [_row(times, place) for place in range(FIRST_ITERATIONS)]
    return (*first, _row_of_many(times.iterations[FIRST_ITERATIONS:last]), _row(times, last))


def job_row(times: JobTimes) -> PlanRow:
    """Make one row for a whole job, with times relative to the start of the batch and without words."""
    start = min((iteration.starts for iteration in times.iterations), default=times.begins)
    known = all(iteration.length is not None for iteration in times.iterations)
    label = printable(times.job.label[:_LONGEST_TEXT])
    return PlanRow(label, "", "", "", "", "", "", "", times.begins, start, times.ends, known)


def job_words(times: JobTimes) -> str:
    """Describe a job in one line, with its minimum duration."""
    job, count = times.job, len(times.iterations)
    if not job.enabled:
        return "left out" if job.left_out else "not enabled"
    words = count_words(count, "iteration")
    if count > 1:
        words += " in parallel" if job.parallel else " one after another"
    if job.parallel and job.backoff and count > 1:
        words += f", posted {two_units(job.backoff)} apart"
    if times.start is not None:
        words += f", start {'together ' if count > 1 else ''}at {time_offset(times.start)}"
    words += f", at least {two_units(times.ends - times.begins)}"
    slips = [iteration.slip for iteration in times.iterations if iteration.slip]
    if slips:
        words += f"; may start up to {two_units(max(slips))} later (slip)"
    if job.continue_if is not None:
        words += "; then continue-if is evaluated"
    return words


def varying_words(times: JobTimes) -> str:
    """
    Describe what varies between the tasks of a job.

    Numbers are given as a range, anything else as a count of different values.
    """
    tasks = list({id(found.iteration.task): found.iteration.task for found in times.iterations}.values())
    varying: Dict[Path, Dict[str, JSON]] = {}
    for values in varied_values(tasks):
        for path, value in values.items():
            varying.setdefault(path, {})[f"{type(value).__name__} {value}"] = value
    if not varying:
        return "all tasks are the same"
    redactor = redactor_of_all(found.iteration for found in times.iterations)
    shown = [
        f"{redactor.pointer(path)} {_range(path, list(varying[path].values()), redactor.value)}"
        for path in list(varying)[:MOST_PLACES]
    ]
    others = len(varying) - len(shown)
    if others:
        shown.append(count_words(others, "other place"))
    return printable(f"varying: {list_names(shown)}")


def time_offset(moment: timedelta) -> str:
    """
    Write a time relative to the start of a batch.

    >>> [time_offset(timedelta(seconds=seconds)) for seconds in (75, 86403, 0.5)]
    ['1:15', '1d 00:00', '0:00.5']
    """
    tenths = round(moment.total_seconds() * 10)
    minutes, rest = divmod(tenths, 600)
    seconds = f"{rest // 10:02}" + (f".{rest % 10}" if rest % 10 else "")
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,}d {hours:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def _source(task: JSONObject) -> str:
    return _host_of(task, source_of)


def _destination(task: JSONObject) -> str:
    return _host_of(task, destination_of)


def _host_of(task: JSONObject, find: Callable[[JSON], str]) -> str:
    test = task.get("test")
    return find(test.get("spec")) if isinstance(test, Mapping) else ""


def _test_of(task: JSONObject) -> str:
    test = task.get("test")
    kind = test.get("type") if isinstance(test, Mapping) else None
    return kind if isinstance(kind, str) else UNKNOWN


def _text(text: str) -> str:
    return printable(text[:_LONGEST_TEXT])


def _row(times: JobTimes, place: int) -> PlanRow:
    """Make the row of an iteration, by its place among those that are run."""
    iteration = times.iterations[place]
    number, task = iteration.iteration.number, iteration.iteration.shown.task
    follows = place > 0 and not times.job.parallel
    return PlanRow(
        label=_text(times.job.label),
        number=f"/{number}",
        test=_text(_test_of(task)),
        source=_text(_source(task)),
        destination=_text(_destination(task)),
        posted=f"after /{times.iterations[place - 1].iteration.number}" if follows else time_offset(iteration.posted),
        starts=time_offset(iteration.starts) + (" late" if iteration.late else ""),
        lasts=_length_words(iteration.length),
        begin=iteration.posted,
        start=iteration.starts,
        end=iteration.ends,
        known=iteration.length is not None,
    )


def _row_of_many(many: Sequence[IterationTimes]) -> PlanRow:
    tasks = list({id(times.iteration.task): times.iteration.task for times in many}.values())
    hide = redactor_of_all(times.iteration for times in many).message
    return PlanRow(
        label="",
        number=f"... {len(many):,} more ...",
        test=_one_of({_test_of(task) for task in tasks}, "types", hide),
        source=_one_of({_source(task) for task in tasks}, "hosts", hide),
        destination=_one_of({_destination(task) for task in tasks}, "hosts", hide),
        posted="",
        starts="",
        lasts=_range_of_lengths([times.length for times in many]),
        begin=min(times.posted for times in many),
        start=min(times.starts for times in many),
        end=max(times.ends for times in many),
        known=all(times.length is not None for times in many),
    )


def _one_of(words: Set[str], many: str, hide: Callable[[str], str]) -> str:
    return _text(hide(next(iter(words)))) if len(words) == 1 else f"{len(words):,} {many}"


def _length_words(length: Optional[Length]) -> str:
    if length is None:
        return UNKNOWN
    return f"<= {two_units(length.span)}" if length.at_most else two_units(length.span)


def _range_of_lengths(lengths: Sequence[Optional[Length]]) -> str:
    known = [length for length in lengths if length is not None]
    if not known:
        return UNKNOWN
    least, most = min(known, key=lambda length: length.least), max(known, key=lambda length: length.span)
    words = [_length_words(least)] if least == most else [two_units(least.least), two_units(most.span)]
    return " - ".join(words) + (f", {UNKNOWN}" if len(known) < len(lengths) else "")


def _range(path: Path, values: Sequence[JSON], hide: Callable[[JSON], JSON]) -> str:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    ends = (min(numbers), max(numbers)) if len(numbers) == len(values) > 1 else ()
    if is_secret(path) or HIDDEN in map(hide, ends):
        return HIDDEN
    if ends:
        return " to ".join(f"{number:,}" for number in ends)
    return f"({count_words(len(values), 'different value')})"
