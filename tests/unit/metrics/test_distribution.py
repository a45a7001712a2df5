"""Tests of the statistics, against Python's own of the same samples one by one."""

from __future__ import annotations

import random
import statistics
import tracemalloc
from collections import Counter

import pytest

from pscheduler_batch.metrics.distribution import CompactCounts, Distribution, SampleCounts

RANDOM = random.Random(5)  # noqa: S311 - not for secrets
SAMPLES = {
    "one": [3.5],
    "two": [1.0, 2.0],
    "equal": [2.5] * 7,
    "negative": [-3.0, -1.0, 0.0, 2.0],
    "few": [0.004, 0.001, 0.002, 0.009, 0.001],
    "long tail": [RANDOM.lognormvariate(-5, 2) for _ in range(1000)],
    "coarse": [RANDOM.randrange(20) / 1000 for _ in range(5000)],
    "far from zero": [1e9 + RANDOM.random() for _ in range(500)],
}


def distribution(samples):
    """Count samples."""
    return Distribution(Counter(samples))


@pytest.mark.parametrize("name", SAMPLES)
def test_size_mean_and_deviation(name):
    """The deviation is that of the samples themselves."""
    samples = SAMPLES[name]
    found = distribution(samples)

    assert (found.size, found.smallest, found.largest) == (len(samples), min(samples), max(samples))
    assert found.mean == pytest.approx(statistics.fmean(samples), rel=1e-12)
    assert found.deviation == pytest.approx(statistics.pstdev(samples), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("name", [name for name, samples in SAMPLES.items() if len(samples) > 1])
def test_percentiles(name):
    """Interpolated between the ranks of all samples, the ends included."""
    samples = SAMPLES[name]
    found = [distribution(samples).percentile(share / 100) for share in range(1, 100)]

    assert found == pytest.approx(statistics.quantiles(samples, n=100, method="inclusive"), rel=1e-12)


def test_the_ends_are_percentiles():
    """And the only sample is every percentile."""
    few, one = distribution(SAMPLES["few"]), distribution(SAMPLES["one"])

    assert (few.percentile(0), few.percentile(1)) == (0.001, 0.009)
    assert [one.percentile(share) for share in (0, 0.3, 0.5, 1)] == [3.5] * 4


def test_a_histogram_may_count_more_samples_than_memory_holds():
    """9 of 10 packets took 1 ms, the others 5 ms."""
    found = Distribution({0.001: 9 * 10**12, 0.005: 10**12})

    assert (found.size, found.percentile(0.5), found.percentile(0.95)) == (10**13, 0.001, 0.005)
    assert found.mean == pytest.approx(0.0014)
    assert found.deviation == pytest.approx(0.0012)


@pytest.mark.parametrize("spread", [0.3, 3])
def test_very_many_different_samples_are_rounded(spread):
    """Few of them are in memory, which the statistics do not show."""
    samples = [RANDOM.lognormvariate(-5, spread) for _ in range(30_000)]
    counts = SampleCounts(most=10_000)
    for start in range(0, len(samples), 100):
        counts.add(Counter(samples[start : start + 100]))
    rounded, exact = Distribution(counts.counts), distribution(samples)

    assert 100 < len(counts.counts) <= 10_000
    assert (rounded.size, rounded.smallest, rounded.largest) == (exact.size, exact.smallest, exact.largest)
    for share in (0.05, 0.5, 0.9, 0.99):
        assert rounded.percentile(share) == pytest.approx(exact.percentile(share), rel=0.005)
    assert rounded.mean == pytest.approx(exact.mean, rel=0.001)
    assert rounded.deviation == pytest.approx(exact.deviation, rel=0.001)


def test_few_different_samples_are_exact():
    """However many they are."""
    counts = SampleCounts(most=20)
    for start in range(0, 5000, 50):
        counts.add(Counter(SAMPLES["coarse"][start : start + 50]))

    assert counts.counts == Counter(SAMPLES["coarse"])
    assert counts.size == 5000


@pytest.mark.parametrize("samples", [*SAMPLES.values(), []])
def test_compact_counts_are_the_same_counts(samples):
    """Of every value, and of no other."""
    counts = Counter(samples)
    compact = CompactCounts(counts)

    assert (dict(compact), len(compact)) == (dict(counts), len(counts))
    assert list(compact) == sorted(counts)
    assert compact.get(-17.25) is None


def test_compact_counts_take_little_memory():
    """A quarter of that of a dictionary."""
    values = [RANDOM.random() for _ in range(1000)]

    def size_of(make):
        tracemalloc.start()
        made = make()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return len(made) and size

    assert 3 * size_of(lambda: CompactCounts(Counter(values))) < size_of(lambda: {value * 2: 1 for value in values})
