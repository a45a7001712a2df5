"""The outcome of a batch when servers and networks fail: every cell of the tables in docs/faults.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, Iterator, Tuple

import pytest

from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.http.retry import RetryPolicy
from tests.support.commands import job, run_batch
from tests.support.fault_matrix import FOR_GOOD, ONCE, ROWS, STEPS, UNDISTURBED, rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
HEADINGS = {"## A fault that passes": ONCE, "## A fault that stays": FOR_GOOD}
# How many tasks a server has that are not canceled, for each word of the tables; 0 where the table says "no task".
KEPT = {"ok": 1, "fails": 1, "partly": 1, "as it is": 1, "no task": 0, "canceled": 0, "left": 1}


def read_tables() -> Iterator[Tuple[str, str, str, str]]:
    """Read the document: frequency, fault, step and outcome."""
    often = None
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        often = HEADINGS.get(line, None if line.startswith("## ") else often)
        if often is not None and line.startswith("|") and not line.startswith("|--"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0] == "":
                steps = cells[1:]
            else:
                yield from ((often, cells[0], step, cell) for step, cell in zip(steps, cells[1:]))


CELLS: Dict[Tuple[str, str, str], str] = {cell[:3]: cell[3] for cell in read_tables()}


def test_no_cell_is_missing_or_empty():
    """The tables have each fault at each step, once and for good."""

    assert set(CELLS) == {(often, fault, step) for often in (ONCE, FOR_GOOD) for fault in ROWS for step in STEPS}
    assert {word for cell in CELLS.values() for word in cell.split(" or ")} <= set(KEPT)


@pytest.mark.parametrize(("often", "fault", "step"), CELLS)
def test_a_fault_at_a_step_comes_to_what_the_table_says(often, fault, step):
    """The outcome is that of the table, and the server has one task, or none if it could not be posted."""
    ended = rows()[fault].ended[step, often]
    expected = CELLS[often, fault, step].split(" or ")

    assert ended.word in [word.replace("no task", "fails") for word in expected], ended.said
    assert ended.enabled <= 1 if expected == ["left"] else ended.enabled == KEPT[expected[0]]


@pytest.mark.parametrize(("often", "fault", "step"), [cell for cell in CELLS if CELLS[cell] in {"fails", "no task"}])
def test_a_failure_names_its_step(often, fault, step):
    """The message names the step."""
    said = rows()[fault].ended[step, often].said

    # Or the server that came back says that the run came to nothing meanwhile.
    assert said.startswith((f"{STEPS[step].doing}: ", "the run ended as"))


@pytest.mark.parametrize("often", [ONCE, FOR_GOOD])
@pytest.mark.parametrize("fault", ROWS)
def test_other_iterations_are_not_disturbed(fault, often):
    """A fault of one iteration does not affect the others."""

    assert rows()[fault].ended[UNDISTURBED, often].word == "ok"


@pytest.fixture
def server():
    """A server for this test."""
    pace = Pace(scheduling=0.02, setup=0.03, cleanup=0.01)
    with EmbeddedServer(tests={"noop": NoopTest()}, pace=pace) as server:
        yield server


@pytest.mark.parametrize("pairs", [{"parallel": True, "sync_start": False}, {"parallel": False}])
def test_every_lost_answer_leaves_exactly_one_task(server, pairs):
    """Twenty POSTs succeed on the server, but their responses are lost."""
    server.state.faults.reset("tasks", method="POST", done=True)

    ended = run_batch("--assist", server.netloc, "--lead", server.netloc, batch={"jobs": [job(iterations=20, **pairs)]})

    posted = [item.document["reference"]["pscheduler-batch"] for item in server.state.enabled_tasks()]
    assert (ended.status, ended.stderr) == (0, "")
    assert (len(posted), len(set(posted)), len(server.state.tasks)) == (20, 20, 20)
    assert {result["task"]["reference"]["pscheduler-batch"] for result in ended.results[0]} == set(posted)


def test_a_fault_that_stays_is_waited_for_once(server):
    """With --outage-wait, and -v says each time why and for how long a request is retried."""
    server.state.faults.reset(re.compile("format=text%2Fhtml"), times=None)
    options = ("--assist", server.netloc, "--lead", server.netloc, "--outage-wait", "PT0.5S", "-v")

    ended = run_batch(*options, batch={"jobs": [job(iterations=5)]})

    said = [result["runs"][0]["errors"]["text/html"] for result in ended.results[0]]
    retries = [line for line in ended.stderr.splitlines() if "fetching the result as text/html" in line]
    assert ended.status == 0
    assert "(tried for " in said[0]
    # The second result may be fetched while the first one still is.
    assert all("(not retried, as such requests failed for " in words for words in said[2:])
    assert 0 < len(retries) <= 2 * (RetryPolicy().attempts - 1)
    assert all("; retry in " in line and ", for at most " in line for line in retries)
