"""Lists of hosts, and the dimensions that they give: a mesh, a star, or pairs."""

from __future__ import annotations

from typing import Dict, Iterator, List, Sequence, Tuple

from pscheduler_batch.drafts.draft import Dimension
from pscheduler_batch.errors import InputError, Problem
from pscheduler_batch.http.urls import netloc
from pscheduler_batch.input.test_specs import known_tests
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS
from pscheduler_batch.text import count_words, printable, shorten

MESH, STAR, PAIRS = "mesh", "star", "pairs"
_PAIR = 2


class HostListError(InputError):
    """An error in a list of hosts; its problems have the line and the column."""


def host_dimension(shape: str, text: str, *, source: str) -> Dimension:
    """
    Return the dimension of a list of hosts.

    Args:
        shape: "mesh": from every host to every other one. "star": from the first host to every other one. "pairs": from
            the first to the second host of each line.
        text: A host on each line, or two for pairs; empty lines and what follows a # are ignored.
        source: The name of the file for messages.

    Raises:
        HostListError: A line is not a host, a host or a pair occurs twice, or there are too few or too many.
    """
    lines = list(_lines(text))
    problems = list(_wrong_lines(lines, _PAIR if shape == PAIRS else 1))
    if not problems:
        problems = list(_wrong_number(shape, len(lines)))
    if problems:
        raise HostListError(problems, source=source, text=text)
    if shape == PAIRS:
        return _pairs([words for _, words in lines])
    hosts = [words[0] for _, words in lines]
    return _mesh(hosts) if shape == MESH else _star(hosts)


def _lines(text: str) -> Iterator[Tuple[int, List[str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.partition("#")[0].split()
        if words:
            yield number, words


def _wrong_lines(lines: Sequence[Tuple[int, List[str]]], expected: int) -> Iterator[Problem]:
    seen: Dict[Tuple[str, ...], int] = {}
    for number, words in lines:
        if len(words) != expected:
            wanted = "a host" if expected == 1 else "two hosts, from the first of which to the second is measured"
            yield Problem("/", f"found {count_words(len(words), 'word')}, expected {wanted}", number, 1)
            continue
        for word in words:
            try:
                netloc(word)
            except ValueError as error:
                yield Problem("/", str(error), number, 1)
        key = tuple(word.lower() for word in words)
        if key in seen:
            yield Problem(
                "/", f"{printable(shorten(' '.join(words)))} is there twice, first in line {seen[key]}", number, 1
            )
        elif len(set(key)) < len(key):
            yield Problem("/", f"{printable(shorten(words[0]))} is paired with itself", number, 1)
        seen.setdefault(key, number)


def _wrong_number(shape: str, count: int) -> Iterator[Problem]:
    if count < (1 if shape == PAIRS else _PAIR):
        expected = "a pair of hosts" if shape == PAIRS else f"at least two hosts for a {shape}"
        yield Problem("/", f"found {count or 'no'} host{'' if count == 1 else 's'}, expected {expected}", 1, 1)
    iterations = count * (count - 1) if shape == MESH else count
    if iterations > DEFAULT_MAX_ITERATIONS:
        reason = f"{count:,} hosts make {iterations:,} iterations, and a batch has at most {DEFAULT_MAX_ITERATIONS:,}"
        hint = "; choose the pairs to measure, or split the list" if shape == MESH else "; split the list"
        yield Problem("/", reason + hint, 1, 1)


def check_ends(test: str) -> None:
    """
    Check that a test measures from one host to another.

    Raises:
        ValueError: It does not; the text says what it has.
    """
    known = known_tests().get(test)
    missing = [] if known is None else [name for name in ("source", "dest") if name not in known.pairs]
    if missing:
        message = f'the test {test} does not measure between two hosts: its spec has no pair "{missing[0]}"'
        raise ValueError(message)


def _mesh(hosts: Sequence[str]) -> Dimension:
    def choose(index: str) -> List[str]:
        return [
            f"$global.hosts[{index} / ($global.hosts | length - 1) | floor] as $source",
            f"($global.hosts - [$source])[{index} % ($global.hosts | length - 1)] as $dest",
            ".test.spec.source = $source",
            ".test.spec.dest = $dest",
        ]

    return Dimension(
        "pair",
        {"hosts": list(hosts)},
        len(hosts) * (len(hosts) - 1),
        "($global.hosts | length * (length - 1))",
        choose,
        "From every host to every other one",
    )


def _star(hosts: Sequence[str]) -> Dimension:
    def choose(index: str) -> List[str]:
        return [".test.spec.source = $global.center", f".test.spec.dest = $global.hosts[{index}]"]

    return Dimension(
        "host",
        {"center": hosts[0], "hosts": list(hosts[1:])},
        len(hosts) - 1,
        "($global.hosts | length)",
        choose,
        "From the center to every host",
    )


def _pairs(pairs: Sequence[Sequence[str]]) -> Dimension:
    def choose(index: str) -> List[str]:
        return [f"$global.pairs[{index}] as $pair", ".test.spec.source = $pair.source", ".test.spec.dest = $pair.dest"]

    data = [{"source": source, "dest": dest} for source, dest in pairs]
    return Dimension(
        "pair",
        {"pairs": data},
        len(data),
        "($global.pairs | length)",
        choose,
        "From the source to the dest of each pair",
    )
