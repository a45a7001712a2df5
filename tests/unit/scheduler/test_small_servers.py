"""Batches at servers of few cores, which kill what takes too long (ADR 49)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Optional

import pytest

from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.events import LimitChanged
from tests.support.bench_client import BenchBatch
from tests.support.embedded_bench import Bench


def run(cores: float, count: int, max_connections: int = 8, *, start: Optional[float] = None) -> BenchBatch:
    """Run tasks of three seconds at a server of so many cores, at once or at a synchronized start."""
    bench = Bench(pace=replace(Pace.real(), participants=0, posting=0))
    bench.state.faults.shrink(cores)
    try:
        at = None if start is None else bench.now() + timedelta(seconds=start)
        return BenchBatch(bench, count, max_connections, start=at)
    finally:
        bench.close()


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_a_small_server_gives_every_result_as_soon_as_with_the_best_fixed_number(cores):
    """With up to eight at once; with a maximum of two, that is the number from the start."""
    batch = run(cores, 24)

    assert batch.succeeded == 24
    assert batch.seconds <= 1.15 * run(cores, 24, 2).seconds
    assert batch.transport.most["POST"] <= 4


def test_it_loses_nothing_in_the_long_run():
    """The limit is tried out again and again, but never until something fails."""
    batch = run(2, 100)

    assert batch.succeeded == 100
    assert not any(event.overload for event in batch.events if isinstance(event, LimitChanged))


def test_a_fast_server_is_hardly_served_more_slowly_than_eight_at_a_time():
    """Those took 29.0 seconds; two at a time take 106."""
    batch = run(100, 100)

    assert batch.succeeded == 100
    assert batch.transport.most["POST"] == 8
    assert batch.seconds <= 1.1 * 29.0


def test_a_synchronized_start_at_a_small_server_is_met():
    """All tasks are accepted before it, and all results are there in the end."""
    batch = run(2, 16, start=40.0)

    assert batch.succeeded == 16
    assert [result.late for result in batch.results] == [None] * 16
