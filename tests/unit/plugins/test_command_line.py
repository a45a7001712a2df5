"""The options of ``pscheduler task batch``."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.plugins.methods import MethodError
from tests.support.methods import answered, called

METHOD = "test/batch/cli-to-spec"
BATCH = {"jobs": [{"label": "a"}]}


@pytest.fixture
def file(tmp_path):
    """Return the file of a batch."""
    path = tmp_path / "batch.json"
    path.write_text(json.dumps(BATCH))
    return str(path)


def test_a_file_is_read_where_the_method_runs_for_its_user(file):
    """That is so for arguments on the command line."""

    assert answered(METHOD, None, "--file", file) == {"schema": 1, "batch": BATCH}


def test_a_server_reads_no_files_for_its_clients(file):
    """Anyone who can send a request would see what is in them, as far as an error shows it."""
    with pytest.raises(MethodError, match="a server does not read its files for its clients; write --file @"):
        called(METHOD, ["--file", file])


def test_a_server_gets_the_content_of_a_file_from_the_client():
    """``pscheduler task`` puts it in the place of an argument that begins with @."""

    assert answered(METHOD, ["--file", json.dumps(BATCH)]) == {"schema": 1, "batch": BATCH}


def test_all_options_are_pairs_of_the_spec():
    """Numbers in the array are taken as text."""
    arguments = ["--url", "mesh.json", "--duration", "PT1M", "--host", "a", "--host-node", "b"]

    assert answered(METHOD, arguments) == {
        "schema": 1,
        "batch-url": "mesh.json",
        "duration": "PT1M",
        "host": "a",
        "host-node": "b",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either batch or batch-url"),
        (["--url", "a", "--batch", "{}"], "not allowed with argument"),
        (["--urll", "a"], "unrecognized arguments: --urll a"),
        (["--dur", "PT1M"], "unrecognized arguments"),
        (["x"], "unrecognized arguments: x"),
        (["--batch", '{"jobs": [1,]}'], "--batch:1:12: error: not JSON"),
        (["--batch", "[]"], "expected a batch, which is an object"),
        (["--url", "https://www.example.net/a"], "/duration: required"),
    ],
)
def test_wrong_arguments_are_errors_with_what_is_wrong(arguments, words):
    """The server hands the message on to the client."""
    with pytest.raises(MethodError) as raised:
        called(METHOD, arguments)

    assert words in str(raised.value)


@pytest.mark.parametrize("value", [{}, "x", [[1]], None])
def test_what_is_no_array_of_arguments_is_an_error(value):
    """Nothing at all is no JSON either."""
    with pytest.raises(MethodError, match="the standard input is not"):
        called(METHOD, value)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    """The message has the reason of the system."""
    with pytest.raises(MethodError, match=r"cannot read .*missing: No such file"):
        called(METHOD, None, "--file", str(tmp_path / "missing"))


def test_a_batch_that_is_too_large_for_a_url_is_refused_with_a_way_out():
    """Servers answer 414, which says nothing of what to do."""
    batch = {"jobs": [{"label": "x" * 9000}]}
    with pytest.raises(MethodError, match=r"too large for a task: 9,\d{3} bytes in a URL.*use --url"):
        called(METHOD, ["--batch", json.dumps(batch)])


def test_the_help_is_what_pscheduler_task_shows():
    """It shows the message of a server that fails, so the help is one there."""
    with pytest.raises(MethodError) as raised:
        called(METHOD, ["--help"])

    assert str(raised.value) == called(METHOD, None, "--help")
    assert {"--file", "--batch", "--url", "--duration", "--host", "--host-node"} <= set(str(raised.value).split())
