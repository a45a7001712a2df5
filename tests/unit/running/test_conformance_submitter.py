"""Whole tasks as recorded, from the POST to the results, through the submitter (tests/recorded/whole-tasks)."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.output.document import DESCRIPTION, render_result
from pscheduler_batch.run_states import FINAL_STATES
from tests.support.recorded_exchanges import WHOLE_TASKS
from tests.support.wire import submit

FILES = sorted(WHOLE_TASKS.glob("*.json"))
STATES = {*FINAL_STATES, "pending", "on-deck", "running", "cleanup", "overdue"}


def replay(make, case):
    """Make a server that answers as recorded, and nothing else."""
    server = make()
    server._replies = {exchange["request"]: list(exchange["replies"]) for exchange in case["exchanges"]}
    return server


def outcome_of(result):
    """Return what the output has of results, of long texts the first lines only."""
    rendered = {name: value for name, value in render_result(result).items() if name != "task"}
    for run in rendered["runs"]:
        del run["run"]
        for media_type in ("text/plain", "text/html"):
            run[media_type] = run[media_type] and run[media_type].lstrip().partition("\n")[0]
    return rendered


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_was_recorded_comes_out_as_it_should(wire, path):
    """Every state in its order, every result in its formats, and every reason that a server gave."""
    case = json.loads(path.read_text())
    told = []
    server = replay(wire, case)

    result = submit(server, task=case["task"], told=told)

    assert outcome_of(result) == case["outcome"]
    assert [line for line in (line.rpartition(": ")[2] for line in told) if line in STATES] == case["states"]


def described(case):
    """Return what the server said last of each run, by its URL."""
    said = {}
    for exchange in sorted(case["exchanges"], key=lambda exchange: not exchange["request"].endswith("/runs/first")):
        for reply in exchange["replies"]:
            if isinstance(reply.get("json"), dict) and "task-href" in reply["json"]:
                said[reply["json"]["href"]] = reply["json"]
    return said


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_the_server_said_last_of_a_run_is_in_the_output(wire, path):
    """Its URL, its state and times, and its participants, unchanged."""
    case = json.loads(path.read_text())
    rendered = render_result(submit(replay(wire, case), task=case["task"]))
    expected = described(case)

    for run in rendered["runs"]:
        said = expected[run["run"]["href"]]

        assert run["run"] == {name: said[name] for name in DESCRIPTION}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_asked_for_that_was_not_recorded(wire, path):
    """Any other request of the client would be based on a guess at the answer."""
    case = json.loads(path.read_text())
    server = replay(wire, case)

    submit(server, task=case["task"])

    known = {request.partition("?")[0] for request in server._replies}
    assert {asked.partition("?")[0] for asked in server.asked} <= known


def test_there_are_whole_tasks():
    """An empty directory would pass all other tests."""

    assert len(FILES) >= 15
