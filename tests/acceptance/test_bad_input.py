"""Batches that cannot be run, through the real command: a message with the place, exit status 1, nothing sent."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.commands import job, run_batch, task

# Nothing listens there: a request would fail with another message.
NOWHERE = ("--assist", "127.0.0.1:1", "--lead", "127.0.0.1:1")


def jobs(*entries, schema=None, **pairs):
    """Make a batch."""
    return {**({} if schema is None else {"schema": schema}), **pairs, "jobs": list(entries)}


def script(text):
    """Make a transform."""
    return {"script": text}


NOT_JSON = {
    "not JSON": (b'{"jobs": [}', "<stdin>:1:11: error: "),
    "empty": (b"", "empty"),
    "only white space": (b" \n ", "white space"),
    "binary": (bytes(range(256)), "<stdin>"),
    "UTF-16": ('{"jobs": []}'.encode("utf-16"), "UTF-16"),
    "Latin-1": ('{"jobs": [], "é": 1}'.encode("latin-1"), "UTF-8"),
    "an array": (b"[]", "<stdin>"),
    "a string": (b'"jobs"', "<stdin>"),
    "not a number": (b'{"jobs": [], "x": NaN}', "NaN"),
    "deep": (b'{"jobs": ' + b"[" * 100_000, "<stdin>"),
}

WRONG = {
    "no jobs": ({"global": {}}, "jobs"),
    "a misspelt name": (jobs(job(iteration=3)), '"iterations"'),
    "a misspelt name at the top": ({"job": []}, '"jobs"'),
    "no task": (jobs({"label": "x"}), "error: /jobs/0"),
    "enabled as text": (jobs(job(enabled="true")), "error: /jobs/0/enabled"),
    "half an iteration": (jobs(job(iterations=2.5)), "error: /jobs/0/iterations"),
    "no iterations": (jobs(job(iterations=0)), "error: /jobs/0/iterations"),
    "less than none": (jobs(job(iterations=-1)), "error: /jobs/0/iterations"),
    "true iterations": (jobs(job(iterations=True)), "error: /jobs/0/iterations"),
    "iterations as text": (jobs(job(iterations="3")), "error: /jobs/0/iterations"),
    "a backoff of months": (jobs(job(parallel=True, backoff="P1M")), "fixed length"),
    "schema as text": (jobs(job(), schema="2"), "error: /schema"),
    "a schema to come": (jobs(job(), schema=4), "error: /schema"),
    "a pair of a later schema": (jobs(job(continue_if=script("true"))), '"schema": 2'),
    "iterations of a later schema": (jobs(job(iterations=script("3")), schema=2), '"schema": 3'),
    "a task without a type": (jobs(job(task={"test": {"spec": {}}})), "error: /jobs/0/task/test"),
    "a task with an unknown pair": (jobs(job(task={**task(), "tests": 1})), "tests"),
    "a task transformed into a wrong one": (jobs(job(task_transform=script(".test = 5"))), "error: /jobs/0/task"),
    "a task transformed into no object": (jobs(job(task_transform=script("5"))), "error: /jobs/0/task-transform"),
    "a script that does not compile": (jobs(job(task_transform=script(".test |"))), "error: /jobs/0/task-transform"),
    "a script that fails": (jobs(job(task_transform=script('error("why")'))), "why"),
    "a script that gives nothing": (jobs(job(task_transform=script("empty"))), "error: /jobs/0/task-transform"),
    "a script that gives two values": (jobs(job(task_transform=script(".,."))), "error: /jobs/0/task-transform"),
    "a wrong transform for all": (
        jobs(job(), **{"global": {"transform-pre": script("{")}}),
        "error: /global/transform-pre",
    ),
    "iterations that are text": (jobs(job(iterations=script('"3"')), schema=3), "error: /jobs/0/iterations"),
    "a billion iterations": (jobs(job(iterations=1_000_000_000)), "error: /jobs/0/iterations"),
    "a continue-if that does not compile": (jobs(job(continue_if=script("(")), schema=2), "error: /jobs/0/continue-if"),
    "the output of a batch": (jobs({**job(), "results": []}), "results"),
}


def check(ended, said):
    """See that nothing but a message came out, and that it has the place or the reason in it."""
    assert (ended.status, ended.stdout) == (1, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "reach" not in ended.stderr


@pytest.fixture(scope="module")
def ended():
    """How the command ended with each of the batches above; two at a time, as they are many."""
    texts = {name: data for name, (data, _) in NOT_JSON.items()}
    texts.update({name: json.dumps(batch, indent=1).encode() for name, (batch, _) in WRONG.items()})
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(texts, pool.map(lambda text: run_batch(*NOWHERE, batch=text), texts.values())))


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_no_batch_at_all(ended, name):
    """The message says what was found, and where."""
    check(ended[name], NOT_JSON[name][1])


@pytest.mark.parametrize("name", WRONG)
def test_a_batch_that_is_wrong(ended, name):
    """The message has the place in the input, or what is to be written instead."""
    check(ended[name], WRONG[name][1])


def test_everything_that_is_wrong_is_said_at_once():
    """Each on a line that begins with the file, the line and the column."""
    ended = run_batch(*NOWHERE, batch='{\n "jobs": [\n  {"task": 5},\n  {"task": {}, "enabled": 1}\n ]\n}')

    lines = ended.stderr.splitlines()
    assert lines[0].startswith("<stdin>:3:12: error: /jobs/0/task: ")
    assert any("<stdin>:4:27: error: /jobs/1/enabled" in line for line in lines)


def test_no_secret_is_quoted():
    """Not even where it is wrong, or where the text is no JSON."""
    wrong = run_batch(*NOWHERE, batch={"jobs": [job(task={**task(), "_key": {"t0psecret": 1}})]})
    broken = run_batch(*NOWHERE, batch='{"jobs": [{"task": {"_key": "t0psecret" "x"}}]}')

    assert (wrong.status, broken.status) == (1, 1)
    assert "t0psecret" not in wrong.stderr + broken.stderr


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read(name, tmp_path):
    """In the words of the operating system."""
    path = str(tmp_path / name)

    check(run_batch(*NOWHERE, path), f"cannot read {path}: ")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("", "a file with an empty name"), ("no\nsuch\x1b[31m file", "no\\u000asuch\\u001b[31m file")],
)
def test_names_of_files_are_shown_as_they_can_be(name, shown):
    """None begins a line that looks like a message of ours, or gives orders to a terminal."""
    check(run_batch(*NOWHERE, name), f"cannot read {shown}: No such file or directory")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--assist", "no host/"), '"no host/" is not a host'),
        (("--lead", "a:b"), '"a:b" is not a host'),
        (("--ca-file", "missing.pem"), "missing.pem"),
        (("--max-iterations", "2"), "error: /jobs/0/iterations"),
    ],
)
def test_options_that_cannot_be_used(arguments, said):
    """They are found before anything is sent."""
    check(run_batch(*NOWHERE, *arguments, batch={"jobs": [job(iterations=3)]}), said)
