"""Tests of reading the runs of saved outputs in Python."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone

import pytest

from pscheduler_batch import InputError, read_runs
from pscheduler_batch.report.csv_report import COLUMNS
from pscheduler_batch.report.rows import Row
from tests.support.nesting_depth import DEEP
from tests.support.output_documents import HOSTILE, START, failed_run, job, output, result, run, several

DOCUMENT = output(job(result(run(), length=1), result(failed_run("Timeout"), length=2)), job(result(run()), label="b"))


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a document, and returns the path."""

    def save(document, name="results.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return save


def test_an_output_may_be_given_in_any_way(saved):
    """A document, a path as text or as an object, an open file of bytes or of text."""
    path = saved(DOCUMENT)
    labels = ["rtt/0", "rtt/1", "b/0"]
    with path.open("rb") as as_bytes, path.open(encoding="utf-8") as as_text:
        given = [DOCUMENT, str(path), path, as_bytes, as_text, io.StringIO(json.dumps(DOCUMENT))]
        found = [[row.label for row in read_runs(each)] for each in given]

    assert found == [labels] * len(given)


def test_several_outputs_are_read_one_after_the_other(saved):
    """Rows say which file they are from, and a file is not opened before its turn."""
    first = saved(DOCUMENT)
    rows = read_runs(first, first.with_name("missing.json"))
    found = [next(rows) for _ in range(3)]

    assert {row.source for row in found} == {str(first)}
    assert [row.source for row in read_runs(DOCUMENT)] == [""] * 3
    with pytest.raises(FileNotFoundError):
        next(rows)


def test_metrics_have_base_units():
    """And only what is known is there."""
    first, second, _ = read_runs(DOCUMENT)

    assert first.metrics == {
        "rtt-min": 0.0003,
        "rtt-mean": 0.0004,
        "rtt-max": 0.0005,
        "sent": 4,
        "lost": 1,
        "loss": 0.25,
    }
    assert (second.metrics, second.succeeded, second.reason) == ({}, False, "Timeout")


def test_a_row_as_a_flat_object():
    """Simple values only, times in UTC, and what varies by its pointer."""
    document = output(job(result(run(start_time="2026-03-01T14:00:00+02:00"), length=1), result(run(), length=2)))
    row = next(read_runs(document)).as_dict()

    assert row == {
        "source": "",
        "job": 0,
        "iteration": 0,
        "run": 0,
        "label": "rtt",
        "test": "rtt",
        "lead": "ps.example.net",
        "destination": "192.0.2.1",
        "state": "finished",
        "succeeded": True,
        "planned": None,
        "start": datetime.fromisoformat(START),
        "end": datetime(2026, 3, 1, 12, 3, 5, tzinfo=timezone.utc),
        "duration": 185.0,
        "late": None,
        "headline": "0.3/0.4/0.5 ms, loss 25 %",
        "reason": None,
        "result-time": None,
        "rtt-min": 0.0003,
        "rtt-mean": 0.0004,
        "rtt-max": 0.0005,
        "sent": 4,
        "lost": 1,
        "loss": 0.25,
        "/test/spec/length": 1,
    }
    assert row["start"].tzinfo is timezone.utc


def test_the_names_are_those_of_the_columns_of_csv():
    """There, the unit follows."""
    names = list(next(read_runs(DOCUMENT)).as_dict())

    assert names[: len(COLUMNS) + 2] == ["source", *(column.split(" (")[0] for column in COLUMNS), "result-time"]


def test_several_results_have_their_times():
    """Start and end are those of the lead run."""
    rows = [row.as_dict() for row in read_runs(output(job(several(10, 20, start=4, end=44))))]

    assert [(row["start"].second, row["duration"], row["result-time"].second) for row in rows] == [
        (4, 40.0, 10),
        (4, 40.0, 20),
    ]


def test_secrets_are_hidden():
    """In everything that a row has."""
    document = output(job(result(run({"succeeded": True, "x": "s3cret"}), _key="s3cret", dest="s3cret")))
    (row,) = read_runs(document)

    assert "s3cret" not in repr(row)
    assert "s3cret" not in repr(row.as_dict())


def test_the_document_stays_as_it_is():
    """It belongs to the program."""
    before = json.dumps(DOCUMENT)
    list(read_runs(DOCUMENT))

    assert json.dumps(DOCUMENT) == before


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        ({"jobs": [{"results": [5]}]}, "/jobs/0/results/0", "At /jobs/0/results/0: expected an object, found 5"),
        ({"jobs": [{"task": {}}]}, "/", "this batch has not been run: none of its jobs has results"),
        ({"hits": []}, "/", 'this is not the output of a batch: "jobs" is missing'),
    ],
)
def test_what_is_not_an_output_is_an_input_error(saved, given, where, message):
    """With the place, and the name of the file if there is one; programs may catch it as a ValueError."""
    path = saved(given)
    for source, begin in ((given, ""), (path, f"{path}: ")):
        with pytest.raises(InputError) as caught:
            next(read_runs(source))

        assert str(caught.value) == begin + message
        assert [problem.where for problem in caught.value.problems] == [where]
        assert isinstance(caught.value, ValueError)


def test_an_incomplete_file_says_where_it_ends(saved):
    """For programs as well."""
    path = saved('{"jobs": [\n {"results": [')
    with pytest.raises(InputError, match="this output is incomplete: it ends at line 2, column 15") as caught:
        next(read_runs(path))

    (problem,) = caught.value.problems
    assert (problem.line, problem.column, caught.value.source) == (2, 15, str(path))


@pytest.mark.parametrize("strange", [HOSTILE, 5, None, [], {"x": 1e308}, [[[]]]], ids=str)
def test_strange_outputs_have_rows(strange):
    """Whatever a server or another program wrote where it does not matter."""
    document = {"jobs": [{"label": strange, "results": [{"task": {"test": strange}, "runs": [run(strange), {}]}]}]}

    assert [type(row) for row in read_runs(document)] == [Row, Row]


def test_deep_nesting_is_no_trouble():
    """Neither in a task nor in a result."""
    deep = []
    for _ in range(DEEP):
        deep = [deep]
    document = output(job(result(run({"succeeded": True, "x": deep}), x=deep), result(run())))

    assert [row.succeeded for row in read_runs(document)] == [True, True]
