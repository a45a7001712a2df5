"""Tests of the matrices of meshes and of sweeps over two parameters."""

from __future__ import annotations

from pscheduler_batch.report.drawings.matrix import SHADES, matrices_of
from tests.support.measured_jobs import mean_of, rates_of, runs_of, trips_of
from tests.support.output_documents import HOSTILE, failed_run, result, skipped


def texts(matrix):
    """Return the labels and texts of a matrix."""
    return [matrix.columns, *((label, *(cell.text for cell in cells)) for label, cells in matrix.rows)]


def mesh(missing=(), **times):
    """Make a mesh of three hosts; the time of a pair is 1 ms unless it is given."""
    hosts = [f"{name}.example.net" for name in "abc"]
    pairs = [(a, b) for a in hosts for b in hosts if a != b and a[0] + b[0] not in missing]
    return [mean_of(times.get(a[0] + b[0], 1), source=a, dest=b) for a, b in pairs]


def test_a_mesh_is_a_matrix_of_hosts():
    """The worst pair is marked, and all cells lead to their runs."""
    (matrix,) = matrices_of(runs_of(*mesh(ab=4, cb=7)))

    assert (matrix.title, matrix.unit, matrix.axes) == ("Mean round trip", "ms", ("source", "destination"))
    assert (matrix.domain, matrix.marked, matrix.repeated) == (".example.net", "worst pair", False)
    assert texts(matrix) == [("a", "b", "c"), ("a", "", "4", "1"), ("b", "1", "", "1"), ("c", "1", "7", "")]
    cells = [cell for _, row in matrix.rows for cell in row]
    assert [cell.shade for cell in cells] == [None, 3, 0, 0, None, 0, 0, SHADES - 1, None]
    assert [cell.note for cell in cells if cell.marked] == ["c.example.net → b.example.net, mean round trip 7 ms"]
    assert [cell.link for cell in cells if cell.link] == [f"0-{n}-0" for n in range(6)]


def test_missing_and_failed_pairs_are_told_apart():
    """A failed one leads to its run."""
    failed = result(failed_run(), source="a.example.net", dest="b.example.net")
    (matrix,) = matrices_of(runs_of(*mesh(missing=("ab", "ca")), failed))
    (_, row), _, (_, last) = matrix.rows

    assert (row[1].text, row[1].failed, row[1].link) == ("✗", 1, "0-4-0")
    assert row[1].note == "a.example.net → b.example.net: failed"
    assert (last[0].text, last[0].failed, last[0].link) == ("\u2013", 0, "")


def test_a_pair_that_was_skipped_has_not_failed():
    """Its note says so."""
    left = skipped(source="a.example.net", dest="b.example.net")
    (matrix,) = matrices_of(runs_of(*mesh(missing=("ab",)), left))
    (_, row), *_ = matrix.rows

    assert (row[1].text, row[1].failed, row[1].note) == ("\u2013", 0, "a.example.net → b.example.net: skipped")


def test_a_pair_with_several_runs_has_their_median():
    """And shows that one of them failed."""
    pairs = [("a", "b", 1), ("a", "b", 5), ("a", "b", 2), ("b", "a", 3)]
    failed = result(failed_run(), source="a", dest="b")
    (matrix,) = matrices_of(runs_of(*(mean_of(ms, source=a, dest=b) for a, b, ms in pairs), failed))
    cell = matrix.rows[0][1][1]

    assert (cell.text, cell.failed, cell.link, matrix.repeated) == ("2", 1, "0-4-0", True)
    assert cell.note == "a → b: 1 of 4 runs failed, mean round trip 2 ms"


def test_a_loss_that_differs_has_a_matrix():
    """Beside that of the median."""
    pairs = [trips_of(1, 2, 3, lost=lost, source=a, dest=b) for a, b, lost in (("a", "b", 0), ("b", "a", 1))]

    assert [(matrix.title, matrix.unit) for matrix in matrices_of(runs_of(*pairs))] == [
        ("Median round trip", "ms"),
        ("Loss", "%"),
    ]


def test_a_sweep_over_two_parameters_is_a_heat_map():
    """Numbers ascend, texts stay in their order; the best combination is marked."""
    rates = {(8, "reno"): 10, (8, "bbr"): 40, (1, "reno"): 5, (1, "bbr"): 20}
    sweep = [rates_of(rate * 100, rate * 100, parallel=n, congestion=name) for (n, name), rate in rates.items()]
    (matrix,) = matrices_of(runs_of(*sweep))

    assert (matrix.title, matrix.unit, matrix.marked) == ("Throughput", "Gb/s", "best combination")
    assert (matrix.axes, matrix.domain) == (("parallel", "congestion"), "")
    assert texts(matrix) == [("reno", "bbr"), ("1", "0.5", "2"), ("8", "1", "4")]
    assert matrix.rows[1][1][1].note == "8, bbr, throughput 4 Gb/s"


def test_equal_numbers_of_a_sweep_are_no_host_and_itself():
    """What is missing there is missing."""
    sweep = [mean_of(a + b, a=a, b=b) for a in (1, 2) for b in (1, 2) if (a, b) != (2, 2)]

    assert texts(matrices_of(runs_of(*sweep))[0])[2] == ("2", "3", "\u2013")


def test_equal_values_are_not_marked():
    """None of them is the worst."""
    (matrix,) = matrices_of(runs_of(*mesh()))

    assert (matrix.marked, {cell.shade for _, row in matrix.rows for cell in row}) == ("", {0, None})


def test_what_has_no_matrix():
    """One thing that varies, and a mesh without any measurement."""
    pairs = (("a", "b"), ("b", "a"))

    assert matrices_of(runs_of(mean_of(1, length=1), mean_of(2, length=2))) == ()
    assert matrices_of(runs_of(*(result(failed_run(), source=a, dest=b) for a, b in pairs))) == ()


def test_hostile_hosts_are_short_lines():
    """They are the labels of a table."""
    pairs = ((HOSTILE, "b"), ("b", HOSTILE))
    (matrix,) = matrices_of(runs_of(*(mean_of(1, source=a, dest=b) for a, b in pairs)))

    assert all(
        len(label) <= 40 and label.isprintable() for label in (*matrix.columns, *(row for row, _ in matrix.rows))
    )
