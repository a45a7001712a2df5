"""Matrices: a mesh as a table of hosts, and a sweep over two parameters as a heat map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Iterator, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.metrics.table import HIGHER, METRICS, Metric, key_metric
from pscheduler_batch.metrics.units import scale_of, value_words
from pscheduler_batch.report.job_runs import Coordinates, JobRuns, run_key
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import number_words

# Cells have one of so many shades.
SHADES = 7
_NOTHING = "\N{EN DASH}"
_TWO = 2


@dataclass(frozen=True)
class MatrixCell:
    """
    What was measured at one place.

    Attributes:
        text: The number, in the unit of the matrix; "✗" where all runs failed, a dash where there is no value, and
            empty for a host and itself.
        shade: Its shade, from 0 for the smallest number to 6 for the largest; None without a number.
        marked: Whether it is the worst pair of a mesh, or the best combination of a sweep.
        failed: How many of its runs failed.
        link: The end of the target of the link to its first run, a failed one if there is any; else empty.
        note: The tooltip.
    """

    text: str = ""
    shade: Optional[int] = None
    marked: bool = False
    failed: int = 0
    link: str = ""
    note: str = ""


@dataclass(frozen=True)
class Matrix:
    """
    A metric by two things that vary.

    Attributes:
        title: The metric.
        unit: The unit of all numbers; empty for counts.
        axes: What rows and columns stand for.
        domain: The domain of all hosts, which labels do not repeat.
        columns: The labels of columns.
        rows: The label and the cells of each row.
        marked: What a marked cell is: "worst pair" or "best combination"; empty where no cell is marked.
        repeated: Whether numbers are those of several runs together.
    """

    title: str
    unit: str
    axes: Tuple[str, str]
    domain: str
    columns: Tuple[str, ...]
    rows: Tuple[Tuple[str, Tuple[MatrixCell, ...]], ...]
    marked: str
    repeated: bool


def matrices_of(job: JobRuns) -> Tuple[Matrix, ...]:
    """
    Make the matrices of a job: of the metric that says most, and of the loss unless it is the same everywhere.

    Returns:
        None unless the iterations vary two things.
    """
    if len(job.axes) != _TWO:
        return ()
    made = (_matrix(job, metric) for metric in _metrics(job))
    return tuple(matrix for matrix in made if matrix is not None)


def _metrics(job: JobRuns) -> Iterator[Metric]:
    measured = [row.metrics for row in job.rows if row.metrics]
    key = key_metric(measured)
    if key is not None:
        yield key
    if len({metrics.get("loss") for metrics in measured}) > 1:
        yield METRICS["loss"]


def _matrix(job: JobRuns, metric: Metric) -> Optional[Matrix]:
    by_place = job.by_place()
    found = {place: job.value(metric, numbers) for place, numbers in by_place.items()}
    values = {place: value for place, value in found.items() if value is not None}
    if not values:
        return None
    factor, unit = scale_of(metric.unit, values.values())
    marked = _marked(metric, values, worst=job.mesh)
    cells = {place: _cell(job, place, [job.rows[n] for n in numbers]) for place, numbers in by_place.items()}
    low, high = min(values.values()), max(values.values())
    for place, value in values.items():
        cells[place] = replace(
            cells[place],
            text=number_words(value * factor),
            shade=0 if low == high else min(SHADES - 1, int(SHADES * (value - low) / (high - low))),
            marked=place == marked,
            note=f"{cells[place].note}, {metric.noun} {value_words(value, metric.unit)}",
        )
    rows, columns = job.axes
    domain = _domain([*rows.labels, *columns.labels]) if job.mesh else ""
    empty = [
        [MatrixCell("" if job.mesh and one == other else _NOTHING) for other in columns.labels] for one in rows.labels
    ]
    return Matrix(
        title=metric.title,
        unit=unit,
        axes=(rows.name, columns.name),
        domain=domain,
        columns=tuple(label[: len(label) - len(domain)] for label in columns.labels),
        rows=tuple(
            (label[: len(label) - len(domain)], tuple(cells.get((y, x), cell) for x, cell in enumerate(empty[y])))
            for y, label in enumerate(rows.labels)
        ),
        marked="" if marked is None else ("worst pair" if job.mesh else "best combination"),
        repeated=any(len(numbers) > 1 for numbers in by_place.values()),
    )


def _domain(hosts: Sequence[str]) -> str:
    """
    Return the domain that all hosts are in, with the dot before it; empty for addresses.

    >>> _domain(["ps1.ams.example.net", "ps1.fra.example.net"]), _domain(["10.0.0.1", "10.1.0.1"])
    ('.example.net', '')
    """
    parts = [host.split(".")[1:][::-1] for host in hosts]
    common = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*parts))]
    return "".join(f".{name}" for name in reversed(common)) if common and not common[0].isdigit() else ""


def _marked(metric: Metric, values: Mapping[Coordinates, float], *, worst: bool) -> Optional[Coordinates]:
    """Choose the place to mark, if one value is worse or better than all others."""
    if not metric.better or len(set(values.values())) < _TWO:
        return None
    largest = (metric.better == HIGHER) != worst
    order = sorted(values, key=lambda place: values[place], reverse=largest)
    return order[0] if values[order[0]] != values[order[1]] else None


def _cell(job: JobRuns, place: Coordinates, rows: Sequence[Row]) -> MatrixCell:
    """Make the cell of a place without its number."""
    failed = [row for row in rows if row.failed]
    name = (" → " if job.mesh else ", ").join(axis.labels[number] for axis, number in zip(job.axes, place))
    count = f"{len(failed)} of {len(rows)} runs failed" if len(rows) > 1 else "failed"
    return MatrixCell(
        text="✗" if failed else _NOTHING,
        failed=len(failed),
        link=run_key((failed or rows)[0]),
        note=f"{name}: {count}" if failed else f"{name}: skipped" if all(row.skipped for row in rows) else name,
    )
