"""Tests of the comparison of samples, against SciPy, and against a count of all possibilities."""

from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import median

import pytest

from pscheduler_batch.metrics.difference import difference_of, p_value

RANDOM = random.Random(7)  # noqa: S311 - not for secrets


@pytest.fixture(autouse=True)
def _same_values():
    """Let each test have the same values, whichever others run before it."""
    RANDOM.seed(7)


def rates(number, *, more=0.0):
    """Make values that all differ."""
    return [RANDOM.gauss(10, 1) + more for _ in range(number)]


def counts(number):
    """Make values of which many are equal."""
    return [float(RANDOM.randrange(4)) for _ in range(number)]


def counted(first, second):
    """Compute p by comparing the U of all divisions of the values with that of the samples."""
    values = [*first, *second]

    def u(places):
        chosen = set(places)
        rest = [value for place, value in enumerate(values) if place not in chosen]
        return sum((values[place] > other) + (values[place] == other) / 2 for place in chosen for other in rest)

    all_of_them = [u(places) for places in combinations(range(len(values)), len(first))]
    own = u(range(len(first)))
    below = sum(each <= own for each in all_of_them)
    above = sum(each >= own for each in all_of_them)
    return min(1.0, 2 * min(below, above) / len(all_of_them))


@pytest.mark.parametrize("make", [rates, counts])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 6), (2, 8), (4, 4), (5, 3), (6, 6)])
def test_p_is_a_share_of_all_divisions(make, sizes):
    """Equal values share their ranks."""
    for _ in range(5):
        first, second = map(make, sizes)

        assert p_value(first, second) == pytest.approx(counted(first, second), rel=1e-12)


@pytest.mark.parametrize("sizes", [(3, 30), (7, 9), (20, 20)])
def test_p_of_few_values_is_that_of_scipy(sizes):
    """SciPy's exact method, which requires that no values are equal."""
    stats = pytest.importorskip("scipy.stats")
    for more in (0.0, 0.5, 2.0):
        first, second = rates(sizes[0]), rates(sizes[1], more=more)

        expected = stats.mannwhitneyu(first, second, method="exact").pvalue
        assert p_value(first, second) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("make", [rates, counts])
@pytest.mark.parametrize("sizes", [(20, 21), (5, 100), (300, 200)])
def test_p_of_many_values_is_that_of_scipy(make, sizes):
    """SciPy's normal distribution, with its corrections for equal values and continuity."""
    stats = pytest.importorskip("scipy.stats")
    first, second = map(make, sizes)

    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert p_value(first, second) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sizes", [(20, 20), (21, 20)])
def test_the_normal_distribution_is_close_to_the_exact_one(sizes):
    """There is no jump where one replaces the other."""
    stats = pytest.importorskip("scipy.stats")
    first, second = rates(sizes[0]), rates(sizes[1], more=0.6)

    assert p_value(first, second) == pytest.approx(stats.mannwhitneyu(first, second, method="exact").pvalue, abs=0.005)


def test_p_of_equal_values():
    """They cannot differ by more than chance, few or many."""

    assert [p_value([2.0] * number, [2.0] * number) for number in (1, 4, 30)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("make", [rates, counts])
@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (5, 5), (4, 9), (30, 31)])
def test_the_shift_is_the_median_of_all_differences(make, sizes):
    """Compared with the median of a list of them."""
    first, second = map(make, sizes)

    expected = median(after - before for before in first for after in second)
    assert difference_of(first, second).shift == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("sizes", "outside"),
    # Critical values of U for two-sided 5 % from printed tables: 0, 2, 8, 23, 127.
    [((4, 4), 0), ((5, 5), 2), ((7, 7), 8), ((10, 10), 23), ((20, 20), 127)],
)
def test_the_interval_leaves_out_the_critical_value_of_u(sizes, outside):
    """As many differences as the critical value are outside at each end."""
    first, second = map(rates, sizes)
    differences = sorted(after - before for before in first for after in second)

    assert difference_of(first, second).interval == pytest.approx(
        (differences[outside], differences[-1 - outside]), rel=1e-9
    )


def test_interval_and_test_agree():
    """Where no values are equal, zero is outside of the interval if, and only if, the difference is clear."""
    clear = set()
    for size in (4, 5, 9, 30):
        for _ in range(50):
            found = difference_of(rates(size), rates(size, more=1.0))
            low, high = found.interval
            clear.add(found.is_clear)

            assert low <= found.shift <= high
            assert (low > 0 or high < 0) == found.is_clear
    assert clear == {True, False}


def test_the_interval_has_the_true_difference_in_19_of_20_cases():
    """With at least the confidence that it promises, and not much more."""
    found = [difference_of(rates(8), rates(8, more=0.5)).interval for _ in range(1000)]

    assert 0.94 < sum(low <= 0.5 <= high for low, high in found) / 1000 < 0.985


@pytest.mark.parametrize(
    ("sizes", "enough"),
    [
        ((4, 4), True),
        ((3, 5), True),
        ((8, 2), True),
        ((3, 4), False),
        ((2, 7), False),
        ((1, 38), False),
        ((1, 1), False),
    ],
)
def test_too_few_values_have_no_interval(sizes, enough):
    """The values after are all larger, which can still be chance."""
    found = difference_of(range(sizes[0]), range(100, 100 + sizes[1]))

    assert (found.enough, found.interval is not None, found.is_clear) == (enough, enough, enough)


def test_many_values():
    """Differences of thousands of values are not stored; equal ones are exactly zero apart."""
    first, second = rates(3000), rates(3000, more=0.3)
    found = difference_of(first, second)
    same = difference_of(counts(3000), counts(3000))

    assert found.is_clear
    assert found.interval[0] < found.shift < found.interval[1]
    assert math.isclose(found.shift, 0.3, abs_tol=0.15)
    assert (same.shift, same.interval) == (0.0, (0.0, 0.0))
