"""Tests of the fixtures for people who test their batches (ADR 73); they are used as those people use them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pscheduler_batch import InputError
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.testing.servers import QUICK

TASK = {"test": {"type": "noop", "spec": {"data": 7}}}
BATCH = {"jobs": [{"label": "a", "task": TASK}]}
OFF = """
import sys

sys.modules["starlette"] = sys.modules["starlette.types"] = None


def test_it(pscheduler_server):
    pass
"""
POSITIONAL = """
import pytest


@pytest.mark.pscheduler_server("127.0.0.1")
def test_it(pscheduler_server):
    pass
"""


def run_pytest(folder, program):
    """Run pytest on a program in a process of its own, and return its status and what it prints."""
    (folder / "test_program.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("number", range(2))
def test_each_test_has_a_server_of_its_own(pscheduler_server, pscheduler_batch, number):
    """It has no tasks, requests and faults at first, and the batch arrives there."""
    before = (dict(pscheduler_server.state.tasks), list(pscheduler_server.state.requests))
    (result,) = pscheduler_batch(BATCH)["jobs"][0]["results"]
    pscheduler_server.state.faults.refuse("*", 403, f"no {number}")

    assert before == ({}, [])
    assert result["runs"][0]["application/json"]["data"] == 7
    assert [task.document["test"] for task in pscheduler_server.state.tasks.values()] == [TASK["test"]]
    assert pscheduler_server.state.pace == QUICK


def test_hosts_of_a_batch_do_not_matter(pscheduler_batch, monkeypatch):
    """Neither those of the environment nor those that are passed on."""
    monkeypatch.setenv("PSCHEDULER_ASSIST", "elsewhere.invalid")
    (result,) = pscheduler_batch(BATCH, lead="lead.invalid")["jobs"][0]["results"]

    assert "error" not in result


def test_a_batch_can_be_a_file(pscheduler_batch, tmp_path):
    """Errors in it have its name; text is JSON."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(BATCH), encoding="utf-8")
    bad.write_text('{"jobs": [{}]}', encoding="utf-8")

    assert pscheduler_batch(good, dry_run=True) == pscheduler_batch(json.dumps(BATCH), dry_run=True)
    with pytest.raises(InputError, match=r"bad\.json"):
        pscheduler_batch(bad)


def test_callbacks_and_options_are_passed_on(pscheduler_batch):
    """Those of the call and those of the processor."""
    results, events, lines = [], [], []
    batch = {"jobs": [{"label": "a", "task": {"test": {"type": "idle", "spec": {"duration": "PT0.1S"}}}}]}
    document = pscheduler_batch(
        batch,
        on_result=results.append,
        watch=events.append,
        debug=lines.append,
        expect=["a: idle-time > 9 s"],
        mark=False,
    )

    assert [result.label for result in results] == ["a/0"]
    assert events
    assert lines
    assert not document["batch"]["expectations"][0]["met"]
    assert "reference" not in results[0].document()["task"]


def test_failures_come_on_demand(pscheduler_server, pscheduler_batch):
    """They are in the output."""
    pscheduler_server.state.faults.refuse("tasks", 403, "forbidden by limits", method="POST")
    (result,) = pscheduler_batch(BATCH)["jobs"][0]["results"]

    assert "forbidden by limits" in result["error"]


@pytest.mark.pscheduler_server(tests={"idle": IdleTest(), "noop": NoopTest()})
def test_the_marker_has_options_for_the_server(pscheduler_server):
    """Those of EmbeddedServer."""

    assert set(pscheduler_server.state.tests) == {"idle", "noop"}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        pytest.param(OFF, "pip install 'pscheduler-batch[embedded]'", id="not installed"),
        pytest.param(POSITIONAL, "keyword arguments only", id="positional arguments"),
    ],
)
def test_a_server_that_cannot_start_says_why(tmp_path, program, words):
    """In one line, without a traceback."""
    status, text = run_pytest(tmp_path, program)

    assert status == 1
    assert words in text
    assert "Traceback" not in text
    assert ".py:" not in text.replace("test_program.py:", "")


def test_the_plug_in_costs_others_nothing():
    """A pytest whose tests do not use the fixtures imports three small modules."""
    code = "import sys, pscheduler_batch.testing.pytest_plugin; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    ours = [name for name in done.stdout.split() if name.split(".")[0] == "pscheduler_batch"]
    assert ours == ["pscheduler_batch", "pscheduler_batch.testing", "pscheduler_batch.testing.pytest_plugin"]
