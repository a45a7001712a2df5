"""What tells the runs of a job apart: their names, the values that the iterations vary, and the hosts of a mesh."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

from pscheduler_batch.metrics.table import Metric
from pscheduler_batch.metrics.units import COUNT, RATIO, is_number
from pscheduler_batch.model import JSON
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.loads import host_name
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import show

Number = Union[int, float]
Coordinates = Tuple[int, ...]
AxisKey = Tuple[Tuple[type, JSON], ...]

Arrangement = Tuple[Tuple["Axis", ...], Tuple[Optional[Coordinates], ...]]

_LONGEST = 40
# What names the source of a test; without any of them, it is measured from the lead.
_SOURCES = ("/test/spec/source", "/test/spec/source-node")
# More labels than this on an axis could not be read.
_MOST_LABELS = 40
_TWO = 2


@dataclass(frozen=True)
class Axis:
    """
    Something that the iterations of a job vary.

    Attributes:
        name: The last word of its JSON pointer, such as "length", or "source" and "destination" in a mesh; several
            words where values vary together.
        labels: Its values in words: numbers in ascending order, hosts by name, all others in order of appearance.
        numbers: The values where all of them are numbers.
    """

    name: str
    labels: Tuple[str, ...]
    numbers: Optional[Tuple[Number, ...]] = None


@dataclass(frozen=True)
class Stop:
    """
    A place on the axis of a drawing.

    Attributes:
        label: The name of its run, or the value that its runs have in common; of many, the first and the last.
        number: That value, or the first one, where it is a number.
        runs: The numbers of its runs.
    """

    label: str
    number: Optional[Number]
    runs: Tuple[int, ...]


@dataclass(frozen=True)
class JobRuns:
    """
    The runs of a job, and how its iterations differ.

    Attributes:
        rows: The rows of one job, or those of one test in it.
        names: The name of each, by iteration, and by run where an iteration has several.
        axes: What the iterations vary: nothing, or more than can be drawn; one thing; or two.
        places: For each row its place on each axis; None where the row has none.
        mesh: Whether the two axes are the sources and destinations of a mesh.
    """

    rows: Tuple[Row, ...]
    names: Tuple[str, ...]
    axes: Tuple[Axis, ...]
    places: Tuple[Optional[Coordinates], ...]
    mesh: bool = False

    def by_place(self) -> Dict[Coordinates, List[int]]:
        """Return the numbers of the rows at each place, in the order of the axes."""
        found: Dict[Coordinates, List[int]] = {}
        for number, place in enumerate(self.places):
            if place is not None:
                found.setdefault(place, []).append(number)
        return dict(sorted(found.items()))

    @property
    def axis(self) -> str:
        """What the places of a drawing stand for."""
        if self.axes:
            return self.axes[0].name
        return "run" if any(row.run for row in self.rows) else "iteration"

    def value(self, metric: Metric, numbers: Sequence[int]) -> Optional[float]:
        """Return the median of some runs, or the mean of shares and counts, which are mostly 0; None without any."""
        rows = (self.rows[number] for number in numbers)
        known = [row.metrics[metric.name] for row in rows if metric.name in row.metrics]
        if not known:
            return None
        return sum(known) / len(known) if metric.unit in {RATIO, COUNT} else median(known)

    def stops(self, most: int) -> Tuple[Stop, ...]:
        """
        Return the places of a drawing: the values of the only axis, or every run.

        Args:
            most: How many there may be; if there are more, neighbors become one.
        """
        if self.axes:
            axis, numbers = self.axes[0], self.axes[0].numbers
            stops = [
                Stop(axis.labels[place], None if numbers is None else numbers[place], tuple(runs))
                for (place, *_), runs in self.by_place().items()
            ]
        else:
            stops = [Stop(name, None, (number,)) for number, name in enumerate(self.names)]
        each = -(-len(stops) // most)
        return tuple(map(_joined, (stops[at : at + each] for at in range(0, len(stops), each)))) if stops else ()

    def by_words(self, stops: Sequence[Stop]) -> str:
        """Write what the places of a drawing stand for."""
        runs = max((len(stop.runs) for stop in stops), default=1)
        return f"by {self.axis}" if runs == 1 else f"by {self.axis}, up to {runs:,} runs together"

    def by_test(self) -> Dict[str, JobRuns]:
        """Return the runs of each test; a job has several where its tasks have, and none without any task."""
        tests = list(dict.fromkeys(row.test for row in self.rows if row.test))
        if len(tests) == 1:
            # An iteration that failed before it had a task is a gap in the drawings.
            return {tests[0]: self}
        chosen = {test: [number for number, row in enumerate(self.rows) if row.test == test] for test in tests}
        return {
            test: _arranged(tuple(self.rows[n] for n in numbers), tuple(self.names[n] for n in numbers))
            for test, numbers in chosen.items()
        }


def job_runs_of(rows: Sequence[Row]) -> JobRuns:
    """
    Find out how the iterations of a job differ.

    A mesh has at least two sources and two destinations, and more pairs than hosts on an axis, as each host would
    otherwise have a single counterpart; or the same hosts on both. Other values may vary in one or two dimensions;
    values that vary together are one dimension. An iteration that failed before it had a task has no place.
    """
    return _arranged(tuple(rows), run_names(rows))


def run_names(rows: Sequence[Row]) -> Tuple[str, ...]:
    """Name the runs of a job by iteration, and by run where an iteration has several."""
    several = any(row.run for row in rows)
    return tuple(f"{r.iteration}.{r.run}" if several and r.run is not None else str(r.iteration) for r in rows)


def run_key(row: Row) -> str:
    """Return what identifies a run in a batch, and is the end of the target of links to it."""
    return f"{row.job}-{row.iteration}" + ("" if row.run is None else f"-{row.run}")


def _joined(stops: Sequence[Stop]) -> Stop:
    if len(stops) == 1:
        return stops[0]
    runs = tuple(number for stop in stops for number in stop.runs)
    return Stop(f"{stops[0].label} to {stops[-1].label}", stops[0].number, runs)


def _arranged(rows: Tuple[Row, ...], names: Tuple[str, ...]) -> JobRuns:
    mesh = _mesh(rows)
    axes, places = mesh or _sweep(rows) or ((), tuple(() for _ in rows))
    return JobRuns(rows, names, axes, places, mesh is not None)


def _mesh(rows: Sequence[Row]) -> Optional[Arrangement]:
    ends = ([_source(row) for row in rows], [row.destination for row in rows])
    pairs = list(zip(*map(_without_ports, ends)))
    known = {pair for pair in pairs if all(pair)}
    sources, destinations = ({pair[end] for pair in known} for end in (0, 1))
    fewest, most = sorted((len(sources), len(destinations)))
    if fewest < _TWO or most > _MOST_LABELS or (len(known) <= most and sources != destinations):
        return None
    axes = [sorted(hosts, key=_natural) for hosts in (sources, destinations)]
    places = (tuple(axis.index(host) for axis, host in zip(axes, pair)) if all(pair) else None for pair in pairs)
    named = zip(("source", "destination"), axes)
    return tuple(Axis(name, tuple(map(_label, hosts))) for name, hosts in named), tuple(places)


def _source(row: Row) -> str:
    named = (row.varied.get(pointer) for pointer in _SOURCES)
    return next((name for name in named if isinstance(name, str) and name), row.lead)


def _without_ports(hosts: Sequence[str]) -> Sequence[str]:
    """Write hosts without ports, which the destinations of tests rarely have, unless these tell them apart."""
    names = {host: host_name(host) for host in hosts}
    return [names[host] for host in hosts] if len({*names.values()}) == len(names) else hosts


def _natural(host: str) -> List[Tuple[int, int, str]]:
    """Make the key that sorts "ps2" before "ps10"."""
    parts = re.findall(r"([0-9]{1,18})|([^0-9]+|[0-9]+)", host)
    return [(0, int(digits), "") if digits else (1, 0, text) for digits, text in parts]


def _sweep(rows: Sequence[Row]) -> Optional[Arrangement]:
    measured = [row.varied for row in rows if row.succeeded or row.varied]
    pointers = list(dict.fromkeys(pointer for varied in measured for pointer in varied))
    if any(pointer not in varied for varied in measured for pointer in pointers):
        return None
    # What the tests of a job differ in is the same for one of them.
    pointers = [pointer for pointer in pointers if len({_key(varied, (pointer,)) for varied in measured}) > 1]
    if not pointers:
        return None
    dimensions = _dimensions(measured, pointers)
    if len(dimensions) > _TWO:
        return None
    axes, keys = zip(*(_axis(measured, dimension) for dimension in dimensions))
    if any(len(axis.labels) > _MOST_LABELS for axis in axes if len(axes) == _TWO or axis.numbers is None):
        return None
    places = (
        tuple(known[_key(row.varied, names)] for known, names in zip(keys, dimensions)) if row.varied else None
        for row in rows
    )
    return tuple(axes), tuple(places)


def _dimensions(measured: Sequence[Mapping[str, JSON]], pointers: Sequence[str]) -> List[Tuple[str, ...]]:
    """Group pointers whose values vary together: each value of one goes with a single value of the other."""
    found: List[Tuple[str, ...]] = []
    for pointer in pointers:
        for number, group in enumerate(found):
            one, both = ({_key(varied, names) for varied in measured} for names in (group[:1], (group[0], pointer)))
            other = {_key(varied, (pointer,)) for varied in measured}
            if len(one) == len(both) == len(other):
                found[number] = (*group, pointer)
                break
        else:
            found.append((pointer,))
            if len(found) > _TWO:
                break
    return found


def _axis(measured: Sequence[Mapping[str, JSON]], pointers: Tuple[str, ...]) -> Tuple[Axis, Mapping[AxisKey, int]]:
    """Make an axis, and the index of it that finds the place of a row."""
    by_key = {_key(varied, pointers): [varied[pointer] for pointer in pointers] for varied in measured}
    keys = list(by_key)
    numbers: Optional[Tuple[Number, ...]] = None
    if len(pointers) == 1 and all(is_number(values[0]) for values in by_key.values()):
        keys.sort(key=lambda key: float(by_key[key][0]))
        numbers = tuple(by_key[key][0] for key in keys)
    labels = tuple(", ".join(map(_label, by_key[key])) for key in keys)
    name = ", ".join(_label(pointer.rsplit("/", 1)[-1]) for pointer in pointers)
    return Axis(name, labels, numbers), {key: number for number, key in enumerate(keys)}


def _key(varied: Mapping[str, JSON], pointers: Sequence[str]) -> AxisKey:
    # With the type, because True equals 1 and 1.0.
    return tuple((type(varied[pointer]), varied[pointer]) for pointer in pointers)


def _label(value: JSON) -> str:
    if isinstance(value, str):
        return one_line(value, _LONGEST)
    return f"{value:,}" if is_number(value) and isinstance(value, int) else show(value)
