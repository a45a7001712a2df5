"""Serial iterations in random order, with the real command (ADR 72)."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import replace

import pytest

from tests.support import crashes
from tests.support.commands import job, run_batch, task
from tests.support.crashes import Try

COUNTED = {"script": ".test.spec.data = $iteration"}
BATCH = {"jobs": [job("sweep", iterations=8, task=task(data=0), task_transform=COUNTED)]}
ORDER = [5, 1, 6, 2, 3, 0, 7, 4]


@pytest.fixture
def submitted(pscheduler):
    """Return what iterations were submitted to the server since the test began, in order."""
    before = set(pscheduler.state.tasks)
    return lambda: [
        found.document["test"]["spec"]["data"] for name, found in pscheduler.state.tasks.items() if name not in before
    ]


def test_iterations_are_submitted_in_the_order_of_the_output(there, submitted):
    """A seed repeats it, and the log has it; results stay in the order of iterations."""
    ended = run_batch(*there, "-v", "--shuffle", "7", batch=BATCH)

    assert submitted() == ORDER
    assert ended.document["batch"]["shuffle"] == {"seed": 7, "orders": [ORDER]}
    assert [result["task"]["test"]["spec"]["data"] for result in ended.results[0]] == list(range(8))
    assert "8 iterations in 1 job, serial ones in random order (seed 7)" in ended.stderr


def test_a_word_that_is_no_number_is_the_input(there, submitted, tmp_path):
    """A seed is chosen then, and it repeats the order."""
    path = tmp_path / "batch.json"
    path.write_text(json.dumps(BATCH), encoding="utf-8")
    first = run_batch(*there, "--shuffle", str(path)).document["batch"]["shuffle"]
    again = run_batch(*there, f"--shuffle={first['seed']}", "--", str(path)).document["batch"]["shuffle"]
    last = run_batch(*there, str(path), "--shuffle", PSCHEDULER_BATCH_SHUFFLE="7").document["batch"]["shuffle"]

    new = run_batch("--dry-run", str(path), PSCHEDULER_BATCH_SHUFFLE="random").document["batch"]["shuffle"]

    assert isinstance(new["seed"], int)
    assert again == first
    assert submitted() == [*first["orders"][0], *again["orders"][0], *last["orders"][0]]


@pytest.mark.parametrize("seed", ["many", "-1", "1234567890123456"])
def test_a_wrong_seed_is_an_error(seed):
    """The message names the option."""
    ended = run_batch(f"--shuffle={seed}", batch=BATCH)

    assert ended.status == 2
    assert f"Invalid value for '--shuffle': {seed!r} is not a seed" in ended.stderr


def test_an_empty_seed_is_an_error():
    """It may be a variable of the shell that is not set."""
    ended = run_batch("--shuffle=", batch=BATCH)

    assert ended.status == 2
    assert "Invalid value for '--shuffle': it is empty" in ended.stderr


def test_a_number_that_is_too_long_is_a_wrong_seed():
    """Not a file that does not exist; with a directory, it is one."""
    ended = run_batch("--dry-run", "--shuffle", "1234567890123456", batch=BATCH)
    file = run_batch("--dry-run", "--shuffle", "./1234567890123456", batch=BATCH)

    assert ended.status == 2
    assert "'1234567890123456' is not a seed; give a number of up to 15 digits, or random" in ended.stderr
    assert "cannot read ./1234567890123456" in file.stderr


def test_plans_show_the_order():
    """With the seed that repeats it."""
    rows = re.findall(r"^ *sweep/(\d+) +noop", run_batch("--plan", "--shuffle=7", batch=BATCH).stdout, re.MULTILINE)
    chosen = run_batch("--plan", "--shuffle", batch=BATCH).stdout
    dry = run_batch("--dry-run", "--shuffle", "7", batch=BATCH).document

    assert list(map(int, rows)) == ORDER
    seed = re.search(r"^Serial iterations are in random order; --shuffle (\d+) repeats it\.$", chosen, re.MULTILINE)
    assert seed is not None
    assert run_batch("--plan", "--shuffle", seed[1], batch=BATCH).stdout.splitlines()[3:] == chosen.splitlines()[3:]
    assert dry["batch"]["shuffle"] == {"seed": 7, "orders": [ORDER]}
    differences = (run_batch("--dry-run", "--diff", *each, batch=BATCH).stdout for each in ([], ["--shuffle"]))
    assert len(set(differences)) == 1


def test_failed_iterations_are_run_again_in_random_order(there, submitted, tmp_path):
    """By their numbers in the whole job."""
    failing = {"script": ".test.spec.data = $iteration | .test.spec.fail = (if $iteration > 3 then 1.0 else 0.0 end)"}
    batch = {"jobs": [job("sweep", iterations=8, task=task(data=0), task_transform=failing)]}
    output = str(tmp_path / "output.json")
    run_batch(*there, "-o", output, batch=batch)
    ended = run_batch(*there, "--shuffle", "7", "--only-failed", output, batch=batch)

    order = [number for number in ORDER if number > 3]
    assert submitted() == [*range(8), *order]
    assert ended.document["batch"]["shuffle"]["orders"] == [order]
    assert [result["iteration"] for result in ended.results[0]] == [4, 5, 6, 7]


def test_a_journal_belongs_to_its_order(there, tmp_path):
    """The message says which option is missing, or which seed is another one."""
    journal = str(tmp_path / "journal")
    run_batch(*there, "--shuffle", "7", "--journal", journal, batch=BATCH)
    without = run_batch(*there, "--resume", journal, batch=BATCH)
    other = run_batch(*there, "--resume", journal, "--shuffle", "8", batch=BATCH)

    assert (without.status, other.status) == (1, 1)
    assert "of another batch or of other options, which differ in --shuffle (it was given); resume" in without.stderr
    assert "of a batch with the seed 7, not 8; resume it with --shuffle alone" in other.stderr


@pytest.mark.parametrize("kill_at", [2, 9, 20])
def test_a_batch_that_is_killed_keeps_its_order(pscheduler, submitted, tmp_path, kill_at):
    """Each iteration is submitted once."""
    paths = str(tmp_path / "journal"), str(tmp_path / "output")
    attempt = Try(BATCH, pscheduler.netloc, *paths, shuffle=True)
    assert crashes.finish(replace(attempt, kill_at=kill_at)) == -signal.SIGKILL
    assert crashes.finish(attempt.again()) == 0

    order = json.loads((tmp_path / "output").read_text())["batch"]["shuffle"]
    assert submitted() == order["orders"][0]
    assert order["seed"] == json.loads((tmp_path / "journal").read_text().splitlines()[0])["seed"]
