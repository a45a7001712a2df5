"""The different paths of a trace, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, zip_longest
from string import ascii_uppercase
from typing import List, Optional, Tuple

from pscheduler_batch.metrics.samples import Path, add_paths, are_alike
from pscheduler_batch.report.formatting import one_line, times_of_day
from pscheduler_batch.report.job_runs import JobRuns
from pscheduler_batch.report.rows import Row

_MOST_PATHS = 8
# How many changes of the path are listed.
_MOST_CHANGES = 12
_LONGEST_HOP = 60
_SILENT = "*"
_TWO = 2


@dataclass(frozen=True)
class SeenPath:
    """
    One of the different paths.

    Attributes:
        name: A letter.
        runs: In how many runs it was seen, in words.
        seen: When it was seen first and last, in words; empty where that is not known.
    """

    name: str
    runs: str
    seen: str


@dataclass(frozen=True)
class PathTable:
    """
    The different paths, side by side.

    Attributes:
        paths: The paths.
        hops: For each hop whether it differs, and the address or name in each path: "*" for a silent one, None after
            the end of the path.
        changes: In which order the paths were seen; empty with a single path.
        more: How many other paths there are.
    """

    paths: Tuple[SeenPath, ...]
    hops: Tuple[Tuple[bool, Tuple[Optional[str], ...]], ...]
    changes: str
    more: int


def path_table_of(job: JobRuns) -> Optional[PathTable]:
    """Compare the paths of all runs; None where there are none. A silent hop equals any other."""
    traced = [(name, row) for name, row in zip(job.names, job.rows) if row.samples.paths]
    known: List[Path] = []
    add_paths(known, (path for _, row in traced for path in row.samples.paths))
    if not known:
        return None
    seen: List[List[Tuple[str, Row]]] = [[] for _ in known]
    order: List[Tuple[str, str]] = []
    found = {
        path: _number(known, path) for path in dict.fromkeys(path for _, row in traced for path in row.samples.paths)
    }
    for name, row in traced:
        numbers = sorted({number for path in row.samples.paths for number in found[path]})
        for number in numbers:
            seen[number].append((name, row))
        order.append((" and ".join(_letter(number) for number in numbers), name))
    shown = known[:_MOST_PATHS]
    return PathTable(
        paths=tuple(_seen(number, seen[number], len(traced)) for number in range(len(shown))),
        hops=tuple(_hop(hops) for hops in zip_longest(*shown)),
        changes=_changes(order) if len(known) > 1 else "",
        more=len(known) - len(shown),
    )


def _number(known: List[Path], path: Path) -> List[int]:
    """Return the number of the first known path that is the same; nothing beyond the most paths that are known."""
    return [number for number, other in enumerate(known) if are_alike(other, path)][:1]


def _letter(number: int) -> str:
    letters = len(ascii_uppercase)
    return ascii_uppercase[number % letters] + (str(number // letters) if number >= letters else "")


def _seen(number: int, runs: List[Tuple[str, Row]], of: int) -> SeenPath:
    times = [when for _, row in runs for when in (row.result_time or row.start,) if when is not None]
    ends = list(dict.fromkeys(map(times_of_day(times), (min(times), max(times))))) if times else []
    count = f"run {runs[0][0]}" if len(runs) == 1 else f"{len(runs):,} of {of:,} runs"
    return SeenPath(_letter(number), count, " to ".join(ends))


def _hop(hops: Tuple[Optional[str], ...]) -> Tuple[bool, Tuple[Optional[str], ...]]:
    differs = None in hops or len({*hops} - {""}) > 1
    return differs, tuple(None if hop is None else one_line(hop, _LONGEST_HOP) or _SILENT for hop in hops)


def _changes(order: List[Tuple[str, str]]) -> str:
    """Write the order in which paths were seen."""
    groups = [(letters, [name for _, name in runs]) for letters, runs in groupby(order, key=lambda each: each[0])]
    words = [
        f"{letters} (run {names[0]})" if len(names) == 1 else f"{letters} (runs {names[0]} to {names[-1]})"
        for letters, names in groups[:_MOST_CHANGES]
    ]
    rest = len(groups) - len(words)
    return ", ".join(words) + (f" and {rest:,} more changes" if rest > 1 else " and 1 more change" if rest else "")
