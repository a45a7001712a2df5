"""Choose what is drawn for a job (ADR 60)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Sequence, Tuple, Union

from pscheduler_batch.metrics.distribution import CompactCounts
from pscheduler_batch.metrics.samples import Samples
from pscheduler_batch.report.drawings.curves import Plot, curves_of
from pscheduler_batch.report.drawings.distributions import Boxes, Shares, distributions_of
from pscheduler_batch.report.drawings.matrix import Matrix, matrices_of
from pscheduler_batch.report.drawings.over_time import MOST_LINES, throughput_over_time
from pscheduler_batch.report.drawings.paths import PathTable, path_table_of
from pscheduler_batch.report.drawings.time_line import TimeLine, time_line_of
from pscheduler_batch.report.job_runs import JobRuns
from pscheduler_batch.report.loads import LOAD
from pscheduler_batch.report.rows import JobMetrics

Figure = Union[TimeLine, Plot, Boxes, Shares]

_FEWEST_ON_TIME_LINE = 2


@dataclass(frozen=True)
class Drawings:
    """
    What is drawn for a job.

    Attributes:
        figures: Time line and plots, drawn by the plotting library.
        matrices: Matrices of hosts or values, which are tables.
        paths: The paths of each trace, which are tables as well.
    """

    figures: Tuple[Figure, ...]
    matrices: Tuple[Matrix, ...]
    paths: Tuple[PathTable, ...]


def drawings_of(job: JobRuns) -> Drawings:
    """
    Choose the drawings of a job by its tests and by what its iterations vary.

    With two things that vary, such as the hosts of a mesh, there are matrices. All other jobs have what suits the
    test: throughput over time, the distribution of delays, paths; and curves of the metrics that none of these shows.
    """
    figures: List[Figure] = []
    matrices: List[Matrix] = []
    paths: List[PathTable] = []
    for test, of_test in job.by_test().items():
        found = matrices_of(of_test)
        matrices += found
        table = path_table_of(of_test) if not found else None
        paths += [table] if table is not None else []
        over_time = throughput_over_time(of_test) if not found else None
        distribution, shown = distributions_of(of_test, test)
        figures += [figure for figure in (over_time, distribution) if figure is not None]
        figures += curves_of(of_test, (*shown, *(["hops"] if table is not None else [])))
    time_line = time_line_of(job)
    if time_line is not None and len(time_line.lanes) >= _FEWEST_ON_TIME_LINE:
        figures.append(time_line)
    return Drawings(tuple(figures), tuple(matrices), tuple(paths))


def drawn_samples(samples: Samples, metrics: Sequence[JobMetrics]) -> Samples:
    """
    Return the samples that drawings need, in little memory: those of all runs of a job are there at once.

    Single packets are only drawn beside the throughput tests that loaded their path, and streams only if a job has few
    throughput tests.

    Args:
        samples: The samples of a run.
        metrics: The metrics of its job.
    """
    is_loaded = any(each.loads or each.test == LOAD for each in metrics)
    has_streams = not any(each.test == LOAD and each.runs > MOST_LINES for each in metrics)
    return replace(
        samples,
        delays=CompactCounts(samples.delays),
        rates=CompactCounts(samples.rates),
        packets=samples.packets if is_loaded else (),
        intervals=samples.intervals if has_streams else tuple(each._replace(streams=()) for each in samples.intervals),
    )
