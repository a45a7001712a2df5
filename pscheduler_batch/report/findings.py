"""
What came out of a job, in sentences (ADR 60).

Each sentence states numbers that were measured; none of them explains or guesses. A value is compared with others by a
fixed rule, which the man page gives: within 5 % of the largest value, values are the same; a run stands out if it is
far outside what half of the runs had.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import accumulate
from statistics import median, quantiles
from typing import Callable, Dict, Iterator, Mapping, NamedTuple, Sequence, Tuple

from pscheduler_batch.metrics.headlines import delay_words, load_words
from pscheduler_batch.metrics.samples import loss_of
from pscheduler_batch.metrics.table import HIGHER, METRICS, Metric, key_metric
from pscheduler_batch.metrics.units import BITS, SECONDS, value_words
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.job_runs import Coordinates, JobRuns
from pscheduler_batch.report.rows import SKIPPED, JobMetrics, Row
from pscheduler_batch.text import all_words, count_words, list_names, number_words

# Values that differ by less than this share of the largest one are the same in words.
_SAME = 0.05
# A run stands out if it is this many interquartile ranges outside the quartiles, and this share off the median.
_FAR, _CLEARLY = 3, 0.1
# Quartiles of fewer runs say nothing, and percentiles of fewer packets.
_FEWEST_RUNS, _FEWEST_PACKETS = 5, 20
# The most runs that are named, and the most characters of a reason.
_NAMED, _REASON = 3, 120
_TWO = 2


class _Measured(NamedTuple):
    """The runs of one test of a job that measured something."""

    runs: JobRuns
    names: Tuple[str, ...]
    rows: Tuple[Row, ...]
    places: Tuple[Coordinates, ...]
    pooled: Mapping[str, float]
    packets: int

    @property
    def number(self) -> str:
        return count_words(len(self.rows), "run")


def findings_of(runs: JobRuns, metrics: Sequence[JobMetrics]) -> Tuple[str, ...]:
    """
    Write what came out of a job.

    Args:
        runs: The runs of the job.
        metrics: The metrics of all its runs together, for each test.

    Returns:
        Whole sentences, failures first; nothing for runs that succeeded and measured nothing.
    """
    found = [_failures(runs), _skipped(runs), *(load_words(each.metrics) for each in metrics)]
    for test, of_test in runs.by_test().items():
        for pooled in metrics:
            found += _of_test(_measured(of_test, pooled)) if pooled.test == test else []
    return tuple(_sentence(words) for words in found if words)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('…') else '.'}"


def _measured(runs: JobRuns, pooled: JobMetrics) -> _Measured:
    chosen = [each for each in zip(runs.names, runs.rows, runs.places) if each[1].metrics]
    names, rows, places = zip(*((name, row, place or ()) for name, row, place in chosen)) if chosen else ((), (), ())
    return _Measured(runs, names, rows, places, pooled.metrics, pooled.packets)


def _failures(runs: JobRuns) -> str:
    rows = runs.rows
    failed = [(name, row) for name, row in zip(runs.names, rows) if row.failed]
    if not failed:
        return ""
    reasons = Counter(one_line(row.reason or row.state, _REASON).rstrip(".") for _, row in failed)
    (reason, times), *others = reasons.most_common()
    if len(rows) == 1:
        return f"The run failed: {reason}"
    share = all_words(len(rows), "runs") if len(failed) == len(rows) else f"{len(failed):,} of {len(rows):,} runs"
    if len(failed) == 1:
        return f"{share} failed, run {failed[0][0]}: {reason}"
    if not others:
        return f"{share} failed for the same reason: {reason}"
    often = "one of them" if times == 1 else f"the most frequent, {times:,} times"
    return f"{share} failed for {len(reasons):,} different reasons; {often}: {reason}"


def _skipped(runs: JobRuns) -> str:
    skipped = [row for row in runs.rows if row.skipped]
    if not skipped:
        return ""
    count = len(runs.rows)
    reason = one_line(skipped[0].reason or SKIPPED, _REASON)
    if count == 1:
        return f"The run was skipped: {reason}"
    share = all_words(count, "runs") if len(skipped) == count else f"{len(skipped):,} of {count:,} runs"
    return f"{share} {'was' if len(skipped) == 1 else 'were'} skipped: {reason}"


def _of_test(measured: _Measured) -> Iterator[str]:
    runs = measured.runs
    metric = key_metric([row.metrics for row in measured.rows])
    if metric is None:
        return
    by_place = _by_place(measured, metric.name)
    compared = bool(runs.axes) and len(by_place) > 1
    if compared:
        main = _compared(metric, by_place, runs)
    else:
        main = _paths(measured) if metric.name == "hops" else _repeated(measured, metric)
    yield "; ".join(filter(None, (main, _retransmits(measured), _same_loss(measured.rows))))
    if not compared:
        yield _outliers(measured, metric)
    if runs.mesh:
        by_pair = _by_place(measured, "loss")
        yield _losses(measured, [(f"from {_pair(place, runs)}", loss) for place, loss in by_pair.items()], "pair")
    else:
        by_run = zip(measured.names, measured.rows)
        known = [(f"in run {name}", row.metrics["loss"]) for name, row in by_run if "loss" in row.metrics]
        yield _losses(measured, known, "run")


def _by_place(measured: _Measured, name: str) -> Dict[Coordinates, float]:
    """Return the value of a metric at each place, in the order of places."""
    runs = measured.runs
    found = ((place, runs.value(METRICS[name], numbers)) for place, numbers in runs.by_place().items() if place)
    return {place: value for place, value in found if value is not None}


def _compared(metric: Metric, values: Mapping[Coordinates, float], runs: JobRuns) -> str:
    """Compare the values that a sweep or a mesh gave."""
    numbers = list(values.values())
    low, high = min(numbers), max(numbers)
    axes = runs.axes
    if high - low <= _SAME * max(abs(low), abs(high)):
        among = _among(runs)
        if high == low:
            return f"{metric.title} is {_words(metric, low)} for {all_words(len(values), among)}"
        differs = f"differs by at most {_percent(high - low, high)} between {len(values):,} {among}"
        return f"{metric.title} {differs}, {_span(metric, numbers)}"
    if runs.mesh and metric.better:
        worst = min(values, key=lambda place: values[place] * (1 if metric.better == HIGHER else -1))
        return (
            f"{'Slowest' if metric.unit in {SECONDS, BITS} else 'Worst'} pair: {_pair(worst, runs)}, {metric.noun} "
            f"{_words(metric, values[worst])}; the median of {len(values):,} pairs is {_words(metric, median(numbers))}"
        )
    if len(axes) == 1 and axes[0].numbers is not None:
        labels = [axes[0].labels[place[0]] for place in values]
        return f"{metric.title} {trend_words(numbers, labels, axes[0].name, lambda value: _words(metric, value))}"
    best, least = max(values, key=lambda place: values[place]), min(values, key=lambda place: values[place])
    ends = [f"{_at(place, runs)} ({_words(metric, values[place])})" for place in (best, least)]
    return f"{metric.title} is highest with {ends[0]} and lowest with {ends[1]}"


def trend_words(values: Sequence[float], labels: Sequence[str], axis: str, words: Callable[[float], str]) -> str:
    """
    Write how values change with a number.

    >>> trend_words([2.4, 4.7, 9.4, 9.3], ["1", "2", "4", "8"], "streams", "{:g} Gb/s".format)
    'grows from 2.4 Gb/s at streams 1 to 9.4 Gb/s at streams 4, then stays within 2 %'

    Args:
        values: At least two values, in the order of the number that varied.
        labels: That number.
        axis: Its name.
        words: Writes a value.
    """
    tolerance = _SAME * max(map(abs, values))

    def at(place: int) -> str:
        return f"{words(values[place])} at {axis} {labels[place]}"

    ways = [
        (verb, back, [sign * v for v in values]) for verb, back, sign in (("grows", "falls", 1), ("falls", "grows", -1))
    ]
    for verb, _, turned in ways:
        if _never_falls(turned, tolerance):
            reached = next(place for place, value in enumerate(turned) if value >= max(turned) - tolerance)
            return f"{verb} from {at(0)} to {at(reached)}{_then(values[reached:])}"
    for verb, back, turned in ways:
        top = turned.index(max(turned))
        if _never_falls(turned[: top + 1], tolerance) and _never_falls(turned[top:][::-1], tolerance):
            return f"{verb} from {at(0)} to {at(top)}, then {back} to {at(len(values) - 1)}"
    low, high = values.index(min(values)), values.index(max(values))
    return f"varies between {at(low)} and {at(high)}, in no order"


def _never_falls(values: Sequence[float], tolerance: float) -> bool:
    """Return whether no value is below an earlier one, apart from a tolerance."""
    return all(value >= highest - tolerance for value, highest in zip(values, accumulate(values, max)))


def _then(rest: Sequence[float]) -> str:
    """Write how much the values differ after a trend has ended."""
    if len(rest) < _TWO:
        return ""
    low, high = min(rest), max(rest)
    return ", then stays the same" if low == high else f", then stays within {_percent(high - low, max(rest, key=abs))}"


def _percent(difference: float, whole: float) -> str:
    return f"{max(1, math.ceil(round(100 * difference / abs(whole), 6)))} %" if whole else "100 %"


def _among(runs: JobRuns) -> str:
    if runs.mesh:
        return "pairs"
    names = " and ".join(axis.name for axis in runs.axes)
    return f"{'values' if len(runs.axes) == 1 else 'combinations'} of {names}"


def _at(place: Coordinates, runs: JobRuns) -> str:
    if runs.mesh:
        return _pair(place, runs)
    return ", ".join(f"{axis.name} {axis.labels[number]}" for axis, number in zip(runs.axes, place))


def _pair(place: Coordinates, runs: JobRuns) -> str:
    source, destination = (axis.labels[number] for axis, number in zip(runs.axes, place))
    return f"{source} → {destination}"


def _repeated(measured: _Measured, metric: Metric) -> str:
    """Write what one run measured, or several equal ones."""
    over = f" over {measured.number}" if len(measured.rows) > 1 else ""
    for base, verb in (("rtt", "Round trips took"), ("latency", "One-way latency was")):
        delays = delay_words(base, measured.pooled) if metric.name.startswith(base) else ""
        if delays:
            p95 = measured.pooled.get(f"{base}-p95")
            most = f", 95 % of packets at most {value_words(p95, SECONDS)}" if p95 is not None else ""
            return f"{verb} {delays} (min/mean/max){over}{most if measured.packets >= _FEWEST_PACKETS else ''}"
    values = [row.metrics[metric.name] for row in measured.rows if metric.name in row.metrics]
    if len({_words(metric, value) for value in values}) == 1:
        same = f" in {all_words(len(measured.rows), 'runs')}" if len(values) > 1 else ""
        return f"{metric.title} was {_words(metric, values[0])}{same}"
    middle = sum(values) / len(values)
    return f"{metric.title} was {_span(metric, values)}, mean {_words(metric, middle)},{over}"


def _paths(measured: _Measured) -> str:
    hops = [row.metrics["hops"] for row in measured.rows if "hops" in row.metrics]
    paths, split = (measured.pooled.get(name) for name in ("paths", "path-split"))
    if paths and split:
        return f"{number_words(paths)} different paths; they differ from hop {number_words(split)}"
    if not paths:
        return ""
    count = count_words(int(max(hops)), "hop")
    return (
        f"The path has {count}"
        if len(hops) == 1
        else f"The path was the same in {all_words(len(measured.rows), 'runs')}, {count}"
    )


def _outliers(measured: _Measured, metric: Metric) -> str:
    """Name the runs that are far from all others."""
    runs = zip(measured.names, measured.rows)
    known = [(name, row.metrics[metric.name]) for name, row in runs if metric.name in row.metrics]
    values = [value for _, value in known]
    if len(values) < _FEWEST_RUNS:
        return ""
    low, middle, high = quantiles(values, n=4, method="inclusive")
    reach = max(_FAR * (high - low), _CLEARLY * abs(middle))
    far = [(name, value) for name, value in known if not low - reach <= value <= high + reach]
    if not far:
        return ""
    far.sort(key=lambda each: -abs(each[1] - middle))
    if len(far) == 1:
        stand = f"Run {far[0][0]} stands out with a {metric.noun} of {_words(metric, far[0][1])}"
    else:
        more = [f"{len(far) - _NAMED:,} more"] if len(far) > _NAMED else []
        named = list_names([*(name for name, _ in far[:_NAMED]), *more])
        stand = f"Runs {named} stand out with a {metric.noun} of {_span(metric, [value for _, value in far])}"
    return f"{stand}; half of the runs had {_span(metric, [low, high])}"


def _same_loss(rows: Sequence[Row]) -> str:
    """Write the loss where it is the same in all runs."""
    losses = {row.metrics.get("loss") for row in rows}
    loss = losses.pop()
    if losses or loss is None:
        return ""
    return f"{_loss_words(loss)} of packets lost{' in every run' if len(rows) > 1 else ''}" if loss else "no loss"


def _losses(measured: _Measured, losses: Sequence[Tuple[str, float]], noun: str) -> str:
    """Write the loss of runs or pairs, which are named, where it differs between runs."""
    if len({row.metrics.get("loss") for row in measured.rows}) == 1:
        return ""
    lossy = [(name, loss) for name, loss in losses if loss]
    if not lossy:
        return "no loss"
    share = loss_of(measured.pooled.get("sent"), measured.pooled.get("lost"))
    lost = f"{_loss_words(share)} of packets lost" if share else "Packets lost"
    name, most = max(lossy, key=lambda each: each[1])
    if len(lossy) == 1:
        return f"{lost}, all of them {name} ({_loss_words(most)})"
    where = f"in {len(lossy):,} of {count_words(len(losses), noun)}"
    return f"{lost}, {where}; the most {name} ({_loss_words(most)})"


def _loss_words(loss: float) -> str:
    return value_words(loss, METRICS["loss"].unit)


def _retransmits(measured: _Measured) -> str:
    counts = [row.metrics["retransmits"] for row in measured.rows if "retransmits" in row.metrics]
    if not counts:
        return ""
    return count_words(int(sum(counts)), "retransmit") if any(counts) else "no retransmits"


def _words(metric: Metric, value: float) -> str:
    return value_words(value, metric.unit)


def _span(metric: Metric, values: Sequence[float]) -> str:
    low, high = (_words(metric, value) for value in (min(values), max(values)))
    number, _, unit = low.partition(" ")
    return low if low == high else f"{number if high.endswith(f' {unit}') else low} to {high}"
