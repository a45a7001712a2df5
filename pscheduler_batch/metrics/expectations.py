"""
Expectations: conditions on the metrics of jobs, such as ``rtt*: p95(rtt) < 10 ms`` (ADR 55).

They are read and resolved here, before anything is sent; the report judges them when the batch has ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from operator import attrgetter, methodcaller
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from pscheduler_batch.errors import ExpectationError, Problem
from pscheduler_batch.metrics.claims import Claim, ClaimError, Word, parse_claim
from pscheduler_batch.metrics.distribution import Distribution
from pscheduler_batch.metrics.table import LOW_PERCENTILE, METRICS, PERCENTILES
from pscheduler_batch.metrics.units import BITS, BYTES, COUNT, RATIO, SECONDS, is_number, value_words
from pscheduler_batch.model import JSON, Job, Plan
from pscheduler_batch.text import closest, list_names, shorten

# Where the value of an expectation comes from: each run, all runs together, or the values of all runs.
EVERY_RUN = ""
TOTAL = "total"
_STATISTICS: Mapping[str, Callable[[Distribution], float]] = {
    "min": attrgetter("smallest"),
    "mean": attrgetter("mean"),
    **{name: methodcaller("percentile", share) for name, share in (LOW_PERCENTILE, *PERCENTILES.items())},
    "max": attrgetter("largest"),
    "stddev": attrgetter("deviation"),
}

# What a number is multiplied by, by unit.
_UNITS: Mapping[str, Mapping[str, str]] = {
    SECONDS: {"s": "1", "ms": "1e-3", "us": "1e-6", "\u00b5s": "1e-6", "\u03bcs": "1e-6"},
    BITS: {"b/s": "1", "kb/s": "1e3", "Mb/s": "1e6", "Gb/s": "1e9", "Tb/s": "1e12"},
    RATIO: {"%": "1e-2"},
    BYTES: {"bytes": "1", "B": "1", "": "1"},
    COUNT: {"": "1"},
}
_KINDS = {SECONDS: "a time", BITS: "a rate", RATIO: "a ratio", BYTES: "a size in bytes", COUNT: "a plain number"}
# Metrics with samples have this statistic in the table.
_OF_SAMPLES = "-median"

# Two values that differ by less are equal: interpolation adds errors in the last digits.
_PRECISION = 1e-9
_COMPARED: Mapping[str, Tuple[bool, bool, bool]] = {
    # Whether a value that is smaller, equal or larger meets it.
    "<": (True, False, False),
    "<=": (True, True, False),
    ">": (False, False, True),
    ">=": (False, True, True),
    "=": (False, True, False),
    "!=": (True, False, True),
}
_COMMENT = "#"
# How many names a message lists.
_NAMED = 8


class Origin(NamedTuple):
    """
    Where an expectation was given.

    Attributes:
        source: The name of the file or the option.
        text: All of its text.
        line: The line, from 1.
        column: The column of the first character, from 1.
    """

    source: str
    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Expectation:
    """
    A condition on a metric of some jobs.

    Attributes:
        text: The expectation as it was given.
        jobs: The pattern that the labels of the jobs match.
        metric: The metric, by its name in the table.
        statistic: :data:`EVERY_RUN`, :data:`TOTAL`, or the statistic over the values of all runs.
        comparison: The comparison, such as "<".
        limit: The value to compare with, in the base unit.
        place: Where it was given.
        words: Its parts.
        unit: The base unit of the value.
    """

    text: str
    jobs: str
    metric: str
    statistic: str
    comparison: str
    limit: float
    place: Origin = field(compare=False)
    words: Claim = field(compare=False)
    unit: str

    @property
    def tests(self) -> Tuple[str, ...]:
        """The types of the tests that have its metric."""
        return METRICS[self.metric].tests

    @property
    def is_of_samples(self) -> bool:
        """Whether its metric is a statistic of packets or intervals."""
        return f"{self.metric.rpartition('-')[0]}{_OF_SAMPLES}" in METRICS

    def is_met_by(self, value: float) -> bool:
        """Return whether a value in the base unit meets it."""
        smaller, equal, larger = _COMPARED[self.comparison]
        if math.isclose(value, self.limit, rel_tol=_PRECISION):
            return equal
        return smaller if value < self.limit else larger

    def worst_of(self, values: Sequence[float]) -> int:
        """Return the index of the value that is farthest from meeting it."""
        order = {"<": 1, "<=": 1, ">": -1, ">=": -1}.get(self.comparison)
        if order is not None:
            return max(range(len(values)), key=lambda number: order * values[number])
        return next((number for number, value in enumerate(values) if not self.is_met_by(value)), 0)

    def over_runs(self, values: Sequence[float]) -> float:
        """Compute its statistic of the values of several runs, of which there is at least one."""
        counts: Dict[float, int] = {}
        for value in values:
            counts[value] = counts.get(value, 0) + 1
        return _STATISTICS[self.statistic](Distribution(counts))

    def value_words(self, value: float) -> str:
        """Write a value for people, with as many digits as show on which side of the limit it is."""
        written = value_words(value, self.unit)
        if written != value_words(self.limit, self.unit) or math.isclose(value, self.limit, rel_tol=_PRECISION):
            return written
        scale = float(_UNITS[self.unit].get(self.words.unit.text, "1"))
        pairs = [(f"{value / scale:.{digits}g}", f"{self.limit / scale:.{digits}g}") for digits in (6, 9, 12)]
        shown = next((given for given, limit in pairs if given != limit), repr(value / scale))
        return f"{shown} {self.words.unit.text}".rstrip()


@dataclass(frozen=True)
class Judgment:
    """
    Whether a job met an expectation.

    Attributes:
        expectation: The text of the expectation.
        job: The label of the job.
        met: Whether it is met.
        found: What was measured, in words, such as "12.3 ms over 40 packets in 4 runs".
        metric: The metric.
        value: Its value, in the base unit; None without data.
        unit: The base unit.
    """

    expectation: str
    job: str
    met: bool
    found: str
    metric: str = ""
    value: Optional[float] = None
    unit: str = ""

    @property
    def words(self) -> str:
        """The expectation and what was found, with the job unless the expectation names it."""
        named = self.expectation.startswith(f"{self.job}:")
        return f"{self.expectation}: {'' if named else f'{self.job}: '}{self.found}"

    def as_pairs(self) -> Dict[str, Any]:
        """Return it as in the ``batch`` pair of the output."""
        return {
            "expectation": self.expectation,
            "job": self.job,
            "met": self.met,
            "found": self.found,
            "metric": self.metric,
            "value": self.value,
            "unit": self.unit,
        }


def read_judgments(value: JSON, hide: Callable[[str], str]) -> Tuple[Judgment, ...]:
    """
    Read the judgments in an output.

    Args:
        value: What the ``batch`` pair has under "expectations"; any JSON. What is not a judgment is left out.
        hide: Hides secrets in texts.
    """
    given = value if isinstance(value, list) else []
    return tuple(
        Judgment(
            **{name: hide(pairs[name]) for name in ("expectation", "job", "found")},
            met=pairs["met"],
            **{name: hide(pairs[name]) for name in ("metric", "unit") if isinstance(pairs.get(name), str)},
            value=pairs["value"] if is_number(pairs.get("value")) else None,
        )
        for pairs in given
        if isinstance(pairs, Mapping)
        and isinstance(pairs.get("met"), bool)
        and all(isinstance(pairs.get(name), str) for name in ("expectation", "job", "found"))
    )


class KnownJob(NamedTuple):
    """
    A job, as far as expectations need to know it.

    Attributes:
        number: Its number, from 0.
        label: Its label.
        enabled: Whether it is run.
        tests: The types of the tests of its tasks; empty where they are not known.
        left_out: Whether it was not selected; an expectation that matches only such jobs is not an error.
    """

    number: int
    label: str
    enabled: bool
    tests: FrozenSet[str]
    left_out: bool = False


class Expected(NamedTuple):
    """An expectation of one job, by its number."""

    job: int
    expectation: Expectation


def read_expectations(
    given: Iterable[str], *, source: str, with_comments: bool = False, of_changes: bool = False
) -> Tuple[Expectation, ...]:
    """
    Read expectations, one on each line.

    Args:
        given: The lines.
        source: The name of the file or of the option, for messages.
        with_comments: Whether to skip lines that are empty or begin with "#".
        of_changes: Whether they are about changes of metrics, in percent (ADR 56).

    Raises:
        ExpectationError: Some are wrong; all errors are in this one.
    """
    lines = [line for each in given for line in each.split("\n")]
    text = "\n".join(lines)
    found: List[Expectation] = []
    problems: List[Problem] = []
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if with_comments and (not stripped or stripped.startswith(_COMMENT)):
            continue
        place = Origin(source, text, number, len(line) - len(line.lstrip()) + 1)
        try:
            found.append(_expectation_of(stripped, place, of_changes=of_changes))
        except ClaimError as error:
            problems.append(_problem(error.reason, error.word, place))
    if problems:
        raise ExpectationError(problems, source=source, text=text)
    return tuple(found)


def resolve(expectations: Iterable[Expectation], jobs: Sequence[KnownJob]) -> Tuple[Expected, ...]:
    """
    Find the jobs that each expectation is about.

    Those are the enabled jobs whose labels match, without the ones whose tests do not have the metric.

    Returns:
        Each expectation of each of its jobs, in the order of expectations and jobs; none twice.

    Raises:
        ExpectationError: An expectation is about no job; all such expectations of the same file are in it.
    """
    expected: Dict[Expected, None] = {}
    problems: Dict[str, List[Tuple[Origin, Problem]]] = {}
    for each in expectations:
        matching = [job for job in jobs if job.label == each.jobs or fnmatchcase(job.label, each.jobs)]
        enabled = [job for job in matching if job.enabled]
        able = [job for job in enabled if not job.tests or not job.tests.isdisjoint(each.tests)]
        expected.update(dict.fromkeys(Expected(job.number, each) for job in able))
        if not able and not any(job.left_out for job in matching):
            reason, word = _why_none(each, jobs, matching, enabled)
            problems.setdefault(each.place.source, []).append((each.place, _problem(reason, word, each.place)))
    for source, found in problems.items():
        raise ExpectationError([problem for _, problem in found], source=source, text=found[0][0].text)
    return tuple(expected)


def jobs_of(jobs: Iterable[Job], tests: Mapping[int, Iterable[str]]) -> List[KnownJob]:
    """
    Describe the jobs of a batch.

    Args:
        jobs: The jobs.
        tests: The types of the tests of their tasks, by the number of the job.
    """
    return [
        KnownJob(job.number, job.label, job.enabled, frozenset(tests.get(job.number, ())), job.left_out) for job in jobs
    ]


def tests_of(plan: Plan) -> Dict[int, List[str]]:
    """Return the types of the tests that the tasks of each job have."""
    return {
        job.job.number: sorted({iteration.task["test"]["type"] for iteration in job.iterations}) for job in plan.jobs
    }


def _expectation_of(text: str, place: Origin, *, of_changes: bool) -> Expectation:
    claim = parse_claim(text)
    metric, statistic = _meaning_of(claim)
    if of_changes and claim.statistic.text and metric == claim.metric.text:
        raise ClaimError(f"a change always covers all runs; write {metric} alone", claim.statistic)
    about, unit = (f"the change of {metric}", RATIO) if of_changes else (metric, METRICS[metric].unit)
    return Expectation(
        text=" ".join(text.split()),
        jobs=claim.jobs.text or "*",
        metric=metric,
        statistic=statistic,
        comparison=claim.comparison.text,
        limit=_limit_of(claim, about, unit),
        place=place,
        words=claim,
        unit=unit,
    )


def _meaning_of(claim: Claim) -> Tuple[str, str]:
    """Return the metric that a claim is about, by its name in the table, and what is made of its values."""
    name, statistic = claim.metric.text, claim.statistic.text
    sampled = [metric[: -len(_OF_SAMPLES)] for metric in METRICS if metric.endswith(_OF_SAMPLES)]
    if name not in METRICS and name not in sampled:
        raise ClaimError(f'unknown metric "{shorten(name)}"{_meant(name, [*METRICS, *sampled])}', claim.metric)
    if not statistic:
        if name in METRICS:
            return name, TOTAL if METRICS[name].of_job else EVERY_RUN
        choice = f"choose a statistic of them, as in p95({name}): {list_names(_own_statistics(name))}"
        raise ClaimError(f"{name} has many values in each run; {choice}", claim.metric)
    if f"{name}-{statistic}" in METRICS:
        return f"{name}-{statistic}", TOTAL
    over_runs = ("mean", TOTAL) if name in sampled else (*_STATISTICS, TOTAL)
    if name in METRICS and statistic in over_runs:
        return name, statistic
    known = [*_own_statistics(name), *(over_runs if name in METRICS else ())]
    hint = _meant(statistic, known) or f"; known are {list_names(known)}"
    raise ClaimError(f'unknown statistic "{shorten(statistic)}" of {name}{hint}', claim.statistic)


def _own_statistics(name: str) -> List[str]:
    """List the statistics of the samples of a metric that the table has."""
    if f"{name}{_OF_SAMPLES}" not in METRICS:
        return []
    found = (metric[len(name) + 1 :] for metric in METRICS if metric.startswith(f"{name}-"))
    # The others, such as "loaded-p95", are metrics of their own.
    return [statistic for statistic in found if "-" not in statistic]


def _limit_of(claim: Claim, about: str, base: str) -> float:
    """Return the value of a claim in a base unit."""
    number, given = Decimal(claim.number.text), claim.unit.text
    units = _UNITS[base]
    if given not in units and (given or number):
        raise ClaimError(_wrong_unit(claim, about, base), claim.unit if given else claim.number)
    limit = float(number * Decimal(units.get(given, "1")))
    if not math.isfinite(limit):
        raise ClaimError("the number is too large", claim.number)
    return limit


def _wrong_unit(claim: Claim, about: str, base: str) -> str:
    given = claim.unit.text
    named = [unit for unit in _UNITS[base] if unit and unit.isascii()]
    *most, last = named or [f"{claim.number.text} without a unit"]
    usable = f"use {', '.join(most)} or {last}" if most else f"use {last}"
    if not given:
        return f"a unit is missing, because {about} is {_KINDS[base]}; {usable}"
    if any(given in units for kind, units in _UNITS.items() if kind != base):
        return f'the unit "{given}" does not suit {about}, which is {_KINDS[base]}; {usable}'
    small = {unit.lower(): unit for unit in named}
    near = closest(given.lower(), small) if given.lower() not in small else given.lower()
    return f'unknown unit "{shorten(given)}"' + (f'; did you mean "{small[near]}"?' if near else f"; {usable}")


def _why_none(
    expectation: Expectation, jobs: Sequence[KnownJob], matching: Sequence[KnownJob], enabled: Sequence[KnownJob]
) -> Tuple[str, Word]:
    word = expectation.words.jobs
    if not matching and not word.text:
        return "the batch has no jobs", word
    if not matching:
        labels = list(dict.fromkeys(job.label for job in jobs))
        meant = _meant(word.text, labels)
        known = "; the batch has no jobs" if not labels else f"; the jobs are {_some(labels)}"
        return f'no job matches "{shorten(word.text)}"{meant or known}', word
    if not enabled:
        labels = [job.label for job in matching]
        return f"all matching jobs are disabled: {_some(labels)}; enable one, or remove the expectation", word
    tests = sorted(set().union(*(job.tests for job in enabled)))
    has = f"{expectation.metric}, which is measured by {list_names(expectation.tests)}"
    return f"no matching job has {has}; found {_some(tests)}", expectation.words.metric


def _some(names: Iterable[str]) -> str:
    every = [shorten(name) for name in names]
    return ", ".join(every[:_NAMED]) + (f" and {len(every) - _NAMED} more" if len(every) > _NAMED else "")


def _meant(name: str, known: Iterable[str]) -> str:
    near = closest(name, known)
    return f'; did you mean "{shorten(near)}"?' if near else ""


def _problem(reason: str, word: Word, place: Origin) -> Problem:
    column = place.column + word.start
    return Problem("/", reason, place.line, column, end_column=column + max(len(word.text), 1))
