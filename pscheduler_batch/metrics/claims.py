"""
The grammar of claims about metrics: ``[JOBS:] METRIC COMPARISON VALUE [UNIT]``, METRIC also as ``STATISTIC(METRIC)``.

This module only parses; :mod:`~pscheduler_batch.metrics.expectations` interprets the words.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from pscheduler_batch.text import show

_LONGEST = 1000
_NAME = re.compile(r"[\w.-]+")
_OPENING = re.compile(r"\(")
_CLOSING = re.compile(r"\)")
_COMPARISON = re.compile(r"<=|>=|==|!=|<|>|=")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_REST = re.compile(r".+", re.DOTALL)
_SPACE = re.compile(r"\s*")

COMPARISONS = ("<", "<=", ">", ">=", "=", "!=")


class Word(NamedTuple):
    """
    A part of a claim.

    Attributes:
        text: The part, without the white space around it; empty where it is left out.
        start: Where it begins in the text of the claim, counted from 0.
    """

    text: str
    start: int


class ClaimError(Exception):
    """
    A text that is not a claim.

    Attributes:
        reason: What is wrong.
        word: The part that is wrong; empty where something is missing.
    """

    def __init__(self, reason: str, word: Word) -> None:
        self.reason = reason
        self.word = word
        super().__init__(reason)


class Claim(NamedTuple):
    """
    The parts of a claim; "jobs", "statistic" and "unit" may be empty.

    Attributes:
        jobs: The pattern of the labels of jobs.
        statistic: The word before the parentheses.
        metric: The metric.
        comparison: One of :data:`COMPARISONS`.
        number: A decimal number.
        unit: Everything after the number.
    """

    jobs: Word
    statistic: Word
    metric: Word
    comparison: Word
    number: Word
    unit: Word


def parse_claim(text: str) -> Claim:
    """
    Parse a claim.

    >>> [word.text for word in parse_claim("rtt*: p95(rtt) < 10 ms")]
    ['rtt*', 'p95', 'rtt', '<', '10', 'ms']
    >>> [word.text for word in parse_claim("throughput>=9.4Gb/s")]
    ['', '', 'throughput', '>=', '9.4', 'Gb/s']

    Args:
        text: The text. Labels of jobs may contain anything, so the last colon ends the pattern.

    Raises:
        ClaimError: It is not a claim.
    """
    if len(text) > _LONGEST:
        raise ClaimError(f"longer than {_LONGEST:,} characters", Word("", _LONGEST))
    before, colon, _ = text.rpartition(":")
    jobs = Word(before.strip(), len(before) - len(before.lstrip()))
    if colon and not jobs.text:
        raise ClaimError("expected the label of a job before the colon", Word(colon, len(before)))
    words = _Words(text, len(before) + len(colon))
    statistic, metric = Word("", words.at), words.require(_NAME, "a metric, such as rtt-p95")
    if words.take(_OPENING):
        statistic, metric = metric, words.require(_NAME, "a metric, such as rtt")
        words.require(_CLOSING, "a closing parenthesis")
    comparison = words.require(_COMPARISON, f"one of {', '.join(COMPARISONS)}")
    number = words.require(_NUMBER, "a number")
    unit = words.take(_REST) or Word("", words.at)
    if comparison.text == "==":
        comparison = comparison._replace(text="=")
    return Claim(jobs, statistic, metric, comparison, number, unit._replace(text=unit.text.rstrip()))


class _Words:
    """Takes one word after another from a text."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
        self._skip()

    def take(self, pattern: re.Pattern[str]) -> Optional[Word]:
        """Take the next word if it is of this kind."""
        found = pattern.match(self._text, self.at)
        if found is None:
            return None
        word = Word(found[0], self.at)
        self.at = found.end()
        self._skip()
        return word

    def require(self, pattern: re.Pattern[str], what: str) -> Word:
        """
        Take the next word.

        Raises:
            ClaimError: It is of another kind.
        """
        word = self.take(pattern)
        if word is None:
            rest = Word("".join(self._text[self.at :].split(maxsplit=1)[:1]), self.at)
            raise ClaimError(f"expected {what}, found {show(rest.text) if rest.text else 'nothing'}", rest)
        return word

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self.at)
        self.at = self.at if found is None else found.end()
