"""Tests of reading a saved output, and of saying what a file is instead."""

from __future__ import annotations

import io
import json
import os
import threading

import pytest

from pscheduler_batch.report import output_reader
from pscheduler_batch.report.output_reader import IncompleteOutputError, ReportError, read_output
from tests.support.output_documents import job, output, result, run

DOCUMENT = output(job(result(run({"succeeded": True, "x": [1.5e-7, -3, None, 'é\\"']}))), enabled=False)
WHOLE = json.dumps(DOCUMENT, indent=2).encode()
NEWLINE = b"\n"
COMPACT = json.dumps(DOCUMENT).encode()


def read(data):
    """Read an output, and put it together again."""
    with read_output(io.BytesIO(data), source="out.json") as found:
        return put_together(found)


def put_together(found):
    """Put the results of an output into its jobs."""
    jobs = [
        {**job, "results": list(found.results[number])} if number in found.results else job
        for number, job in enumerate(found.document["jobs"])
    ]
    return {**found.document, "jobs": jobs}


def refusal(data):
    """Return the message about a file that is not an output."""
    with pytest.raises(ReportError) as caught:
        read(data)
    return str(caught.value)


@pytest.fixture
def no_whole(monkeypatch):
    """Fail if a file is read as a whole."""

    def fail(*_, **__):
        pytest.fail("the file was read as a whole")

    monkeypatch.setattr(output_reader, "read_whole", fail)


@pytest.mark.parametrize(
    "data", [WHOLE, b"\xef\xbb\xbf" + WHOLE, b"\n \t" + WHOLE + b"\r\n", json.dumps(DOCUMENT).encode()]
)
@pytest.mark.usefixtures("no_whole")
def test_an_output_is_read(data):
    """With a byte-order mark and white space around it too."""

    assert read(data) == DOCUMENT


@pytest.mark.parametrize("whole", [WHOLE, COMPACT], ids=["in lines", "in one line"])
def test_an_output_that_was_not_written_to_its_end(whole):
    """Wherever it was cut off, the message says so, and where."""
    torn = {length: whole[:length].rstrip() for length in range(1, len(whole))}
    said = [refusal(whole[:length]) for length in torn]

    assert said == [
        f"out.json: this output is incomplete: it ends at line {text.count(NEWLINE) + 1}, "
        f"column {len(text) - text.rfind(NEWLINE)}"
        for text in torn.values()
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the input is empty"),
        (b" \n", "the input contains only white space"),
        (b"\x7fELF\0\0\0\0", "the input is binary, not text"),
        (json.dumps(DOCUMENT).encode("utf-16"), "the input is UTF-16; save it as UTF-8"),
        (b"[]", "expected the output of a batch, which is a JSON object, but found an array"),
        (b"5", "expected the output of a batch, which is a JSON object, but found a number"),
        (b"true", "expected the output of a batch, which is a JSON object, but found a truth value"),
        (b"null", "expected the output of a batch, which is a JSON object, but found null"),
        (b'"x"', "expected the output of a batch, which is a JSON object, but found a text"),
        (b'{"results": []}', 'this is not the output of a batch: "jobs" is missing'),
        (b'{"jobs": [{"task": {}}]}', "this batch has not been run: none of its jobs has results"),
        (b'{"jobs": []}', "this batch has not been run: none of its jobs has results"),
        (
            b'{"jobs": [{"results": [{"task": {}, "runs": []}]}]}',
            "this batch has not been run: there are no runs in it, as in the output of --dry-run",
        ),
        (
            b'{"event":"batch","version":1}\n{"event":"job"}\n',
            "this is the journal of a batch, not its output; pscheduler batch --resume prints the output",
        ),
        (
            b'{"event":"batch-began","at":"2026-11-29T13:31:32+00:00"}\n{"event":"job-began"}\n',
            "these are the events of a batch, not its output",
        ),
        (
            b'{"source": "", "job": 0, "iteration": 0}\n',
            "these are the lines of --stream or of a report, not the output of a batch",
        ),
    ],
)
def test_what_is_not_an_output(data, said):
    """Each kind of file is told apart."""

    assert refusal(data) == f"out.json: {said}"


def test_a_device_is_not_read_for_ever():
    """It has no size."""
    reading = pytest.raises(ReportError, match="the input is empty")
    with open("/dev/zero", "rb") as device, reading, read_output(device, source="zero"):
        pass


def test_invalid_json_has_its_place():
    """And the line, on which it is shown."""
    lines = refusal(b'{"jobs": [}').split("\n")

    assert lines[0].startswith("out.json: line 1, column 11: not JSON: expected a value")
    assert lines[1:] == ['out.json:     {"jobs": [}', "out.json:               ^"]


def test_no_secret_is_shown():
    """The wrong line may have one in it."""

    assert "t0psecret" not in refusal(b'{"_key": "t0psecret" "x"}')


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"jobs": {}}, "At /jobs: expected an array, found an object"),
        ({"jobs": [5]}, "At /jobs/0: expected an object, found 5"),
        ({"jobs": [{"results": "x"}]}, 'At /jobs/0/results: expected an array, found "x"'),
        ({"jobs": [{"results": [None]}]}, "At /jobs/0/results/0: expected an object, found null"),
        ({"jobs": [{"results": [{"task": 1, "runs": []}]}]}, "At /jobs/0/results/0/task: expected an object, found 1"),
        ({"jobs": [{"results": [{"runs": {}}]}]}, "At /jobs/0/results/0/runs: expected an array, found an object"),
        ({"jobs": [{"results": [{"task": {}}]}]}, "At /jobs/0/results/0/runs: expected an array, found nothing"),
        ({"jobs": [{"results": [{"runs": [[]]}]}]}, "At /jobs/0/results/0/runs/0: expected an object, found an array"),
    ],
)
def test_what_is_of_the_wrong_type_is_named(document, said):
    """By its JSON pointer."""

    assert refusal(json.dumps(document).encode()) == f"out.json: {said}"


def test_many_wrong_places_are_not_all_named():
    """The first few tell what is wrong."""
    lines = refusal(json.dumps({"jobs": [5] * 1000}).encode()).split("\n")

    assert len(lines) == 6
    assert lines[-1] == "out.json: and 995 more errors"


def test_what_is_nested_without_an_end_is_refused():
    """It does not crash."""

    assert "nested too deeply" in refusal(b'{"jobs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def test_a_batch_without_jobs_that_was_run_is_an_output():
    """There is nothing to report, and nothing wrong."""
    document = {"jobs": [], "batch": {}}

    assert read(json.dumps(document).encode()) == document


@pytest.mark.usefixtures("no_whole")
@pytest.mark.parametrize(
    "text",
    [
        '{"batch": {}, "jobs": [{"results": [{"runs": []}], "label": "a"}, {"label": "b"}], "schema": 3}',
        '{"jobs": [{"label": "a", "results": []}, {"results": [{"runs": [{}]}, {"runs": [{}]}]}], "_key": "x"}',
        '{"a": 1, "a": [2], "jobs": [{"label": "a", "label": "b", "results": [{"runs": [], "error": "no"}]}]}',
    ],
)
def test_the_order_of_pairs_does_not_matter(text):
    """Of pairs with the same name, the last one counts."""

    assert read(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"jobs": [], "jobs": [{"results": [{"runs": [{}]}]}]}',
        '{"jobs": [{"results": [{"runs": [{}, {}]}], "results": [{"runs": [{}]}]}]}',
    ],
)
def test_of_several_lists_of_jobs_or_results_the_last_one_counts(text):
    """As with all pairs of the same name."""

    assert read(text.encode()) == json.loads(text)


@pytest.mark.usefixtures("no_whole")
def test_results_can_be_read_repeatedly_and_by_turns():
    """Several readers do not disturb each other, whatever a piece of the file ends in."""
    texts = ("ä" * 300_000, "b", 1.5)
    document = output(*(job(*(result(run(text)) for text in texts), label=label) for label in "ab"))
    file = io.BytesIO(json.dumps(document, ensure_ascii=False).encode())
    with read_output(file, source="out.json") as found:
        both = [*zip(found.results[1], found.results[0], found.results[1])]

        assert put_together(found) == put_together(found) == document
    assert [[one["runs"][0]["application/json"] for one in each] for each in both] == [[text] * 3 for text in texts]


@pytest.mark.usefixtures("no_whole")
@pytest.mark.parametrize("most_bytes", [10, 10_000_000])
def test_a_pipe_is_copied(monkeypatch, most_bytes):
    """It can be read only once."""
    monkeypatch.setattr(output_reader, "MOST_BYTES", most_bytes)
    incoming, outgoing = os.pipe()
    writer = threading.Thread(target=lambda: [os.write(outgoing, WHOLE), os.close(outgoing)])
    writer.start()
    with open(incoming, "rb") as pipe, read_output(pipe, source="out.json") as found:
        writer.join()

        assert put_together(found) == DOCUMENT


@pytest.mark.parametrize("other", [b"[]", b"{}", b'{"jobs": [', b" " * 1000, json.dumps(output(job())).encode()])
def test_an_output_that_changes_while_it_is_read(other):
    """Its results are not taken for those of another one."""
    file = io.BytesIO(WHOLE)
    with read_output(file, source="out.json") as found:
        file.seek(0)
        file.write(other)
        file.truncate()

        with pytest.raises(IncompleteOutputError, match=r"^out\.json: this output changed while it was read$"):
            put_together(found)
