"""Batches that were killed and are gone on with: nothing is done twice, and nothing is lost."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import crashes
from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task
from tests.support.crash_rounds import run_rounds
from tests.support.crashes import LEFT, SYNCED, Try, comparable, document_of, events_of, finish

NUMBERED = {"script": ".test.spec.data = $iteration"}
REFERENCE = {"_secret": "swordfish", "mine": 1}


def noops(label, count, **pairs):
    """Make a job of quick tasks that hand their numbers back, with a secret in each."""
    return job(label, task={**task(data=0), "reference": REFERENCE}, iterations=count, task_transform=NUMBERED, **pairs)


SERIAL = noops("serial", 2)
PARALLEL = noops("parallel", 2, parallel=True, sync_start=False)
TOGETHER = noops("together", 2, parallel=True, setup_time="PT0.1S")
SEVERAL = job("several", task=task("idlebgm", duration="PT0.2S", interval="PT0.08S"))
# Of the last three, the writes that are of another kind than those of the first two, as they take their time.
KILLED_AT = {"synchronized": range(3, 7), "several results": range(3, 6), "continue-if": range(5, 11)}
KINDS = {
    "serial": {"jobs": [SERIAL]},
    "parallel": {"jobs": [PARALLEL]},
    "synchronized": {"jobs": [TOGETHER]},
    "several results": {"jobs": [SEVERAL]},
    "continue-if": {
        "schema": 2,
        "jobs": [
            noops("first", 1, continue_if={"script": "length == 1"}),
            noops("second", 1, continue_if={"script": "length == 0"}),
            noops("never", 1),
        ],
    },
}


@pytest.fixture
def tasks(pscheduler):
    """Return what tasks were created on the server since the test began."""
    before = set(pscheduler.state.tasks)
    return lambda: [found for name, found in pscheduler.state.tasks.items() if name not in before]


@pytest.fixture
def attempt(pscheduler, tmp_path):
    """Make the first try of a batch."""

    def make(batch, name="a"):
        return Try(batch, pscheduler.netloc, str(tmp_path / f"{name}.journal"), str(tmp_path / f"{name}.output"))

    return make


@pytest.fixture
def write(tmp_path, there):
    """Write a batch to a file; give the arguments that run it with a journal, and those that go on with it."""

    def make(batch):
        (tmp_path / "batch.json").write_text(json.dumps(batch), encoding="utf-8")
        arguments = [*there, str(tmp_path / "batch.json")]
        journal = str(tmp_path / "journal")
        return ["--journal", journal, *arguments], ["--resume", journal, *arguments]

    return make


def named(batch, name):
    """Put a name into all tasks of a batch, by which they can be counted."""
    reference = {**REFERENCE, "attempt": name}
    jobs = [{**job, "task": {**job["task"], "reference": reference}} for job in batch["jobs"]]
    return {**batch, "jobs": jobs}


def nameless(attempt):
    """Return the output of a try without what differs between two, the name included."""
    document = comparable(document_of(attempt))
    for entry in document["jobs"]:
        for holder in (entry, *entry["results"]):
            del holder["task"]["reference"]["attempt"]
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_is_killed_at_a_write_of_its_journal_is_carried_through(kind, pscheduler, attempt):
    """One task for each iteration, and the output of a batch that was not killed; whatever is left of the line."""

    def carry_through(number, left):
        name = f"{kind} {number}"
        current = replace(attempt(named(KINDS[kind], name), name), kill_at=number, left=left)
        statuses = [finish(current)]
        if number:
            current = current.again()
            statuses.append(finish(current))
        return statuses, pscheduler.state.tasks_marked({"attempt": name}), current

    statuses, tasks, whole = carry_through(0, SYNCED)
    assert statuses == [0]
    expected, count = nameless(whole), len(tasks)
    numbers = KILLED_AT.get(kind, range(1, len(events_of(whole.journal)) + 1))
    left = [SYNCED if number % 2 else LEFT[number // 2 % 3] for number in numbers]

    # Side by side, as they wait most of the time.
    with ThreadPoolExecutor(4) as pool:
        for statuses, tasks, last in pool.map(carry_through, numbers, left):
            assert statuses == [-signal.SIGKILL, 0], last
            assert len(tasks) == count, last
            assert nameless(last) == expected, last
            assert b"swordfish" not in Path(last.journal).read_bytes(), last


def test_a_resume_that_is_killed_as_well_is_gone_on_with(attempt, tasks):
    """Each process gets one write further than the one before it."""
    current = replace(attempt(KINDS["serial"]), kill_at=2)
    deaths = 0
    while finish(current) != 0:
        deaths += 1
        current = current.again(kill_at=2)

    assert deaths >= 4
    assert len(tasks()) == 2
    assert [[run["application/json"]["data"] for run in result["runs"]] for result in results(current)] == [[0], [1]]


def results(attempt):
    """Return the results of the first job."""
    return document_of(attempt)["jobs"][0]["results"]


def test_random_moments(tmp_path):
    """Some rounds of what ``python -m tests.support.crash_rounds`` does, with crashes, interruptions and overload."""
    tally = run_rounds(2, 7, 1000, lambda _: None)

    assert tally.violations == []
    assert (tally.rounds, tally.tasks, tally.complete) == (2, 40, 40)


def test_the_server_may_be_restarted_in_between(pscheduler, attempt, tasks):
    """It still knows the tasks, and the results of those that are done."""
    killed = replace(attempt(KINDS["serial"]), kill_at=6)
    assert finish(killed) == -signal.SIGKILL
    pscheduler.restart()
    last = killed.again()

    assert finish(last) == 0
    assert len(tasks()) == 2
    assert [result["runs"][0]["application/json"]["succeeded"] for result in results(last)] == [True, True]


def test_a_task_that_is_on_a_server_is_not_posted_again(pscheduler, attempt, tasks):
    """It is waited for; the lost answer to a POST is made up for by the mark."""
    pscheduler.state.faults.delay("tasks", 0.3, done=True, method="POST", times=1)
    process = crashes.start(attempt(KINDS["serial"]))
    while not tasks():
        process.join(0.01)
    process.kill()
    assert crashes.end_of(process) == -signal.SIGKILL
    last = attempt(KINDS["serial"]).again()

    assert finish(last) == 0
    assert len(tasks()) == 2
    assert "posted" not in [event["event"] for event in events_of(last.journal)[:3]]


def test_a_post_that_was_lost_without_a_mark_is_not_made_again(attempt, tasks, write):
    """It is not known whether it arrived, and two tasks would be one too many."""
    begin, resume = write(KINDS["serial"])
    assert kill_command(3, "--no-mark", *begin) == -signal.SIGKILL
    ended = run_batch("--no-mark", *resume)
    first, second = ended.results[0]

    assert ended.status == 3
    assert "without a mark there is no way to find out" in first["error"]
    assert second["runs"][0]["application/json"]["data"] == 1
    assert len(tasks()) == 1


def kill_command(number, *arguments):
    """Run the real command until it kills itself behind a write of its journal."""
    code = "import sys; from tests.support import crashes; from pscheduler_commands import batch; "
    code += f"crashes.kill_at_write({number}, 'synced'); batch()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        env=environment(),
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.returncode


class TestCommand:
    """The options."""

    def test_a_killed_command_is_gone_on_with(self, write, tasks):
        """Tasks on the server are waited for, and secrets come back whole."""
        begin, resume = write(KINDS["serial"])
        assert kill_command(4, *begin) == -signal.SIGKILL
        ended = run_batch(*resume)

        assert (ended.status, ended.stderr) == (0, "")
        assert [result["runs"][0]["application/json"]["data"] for result in ended.results[0]] == [0, 1]
        assert [result["task"]["reference"]["_secret"] for result in ended.results[0]] == ["swordfish"] * 2
        assert len(tasks()) == 2

    def test_secrets_that_transforms_put_elsewhere_are_in_no_journal(self, write, pscheduler, tmp_path):
        """They are secrets wherever they are, and come back whole; messages that quote the task hide them."""
        put = {"script": '.test.spec.data = [$global._token, "\\($pin._pin)"] | .reference.was = ._key | del(._key)'}
        hidden = job(
            task={**task(), "_key": "swordfish"}, task_transform={**put, "args": {"pin": {"_pin": 471147114711}}}
        )
        batch = {"global": {"data": {"_token": "hunter2"}}, "jobs": [hidden, hidden]}
        pscheduler.state.faults.refuse(
            "tasks", 400, "no: hunter2 471147114711 swordfish", method="POST", after=1, times=1
        )
        begin, resume = write(batch)
        first = run_batch(*begin, "--debug")
        again = run_batch(*resume)
        (run,) = again.results[0][0]["runs"]

        for text in (first.stderr, again.stderr, again.results[1][0]["error"], (tmp_path / "journal").read_text()):
            assert [secret for secret in ("hunter2", "471147114711", "swordfish") if secret in text] == []
        assert (first.stdout, run["application/json"]["data"]) == (again.stdout, ["hunter2", "471147114711"])
        assert again.results[0][0]["task"]["reference"]["was"] == "swordfish"

    def test_a_journal_that_is_done_prints_the_same_output_again(self, pscheduler, write):
        """To the byte, and nothing is sent."""
        begin, resume = write({"jobs": [SERIAL, TOGETHER]})
        first = run_batch(*begin)
        pscheduler.state.requests.clear()
        again = run_batch(*resume)

        assert (first.status, again.status) == (0, 0)
        assert again.stdout == first.stdout
        assert pscheduler.state.requests == []

    def test_a_changed_batch_is_refused(self, pscheduler, write):
        """Also one with other options; the message names what differs, and nothing is sent."""
        begin, resume = write({"jobs": []})
        assert run_batch(*begin).status == 0
        options = run_batch("--no-mark", *resume)
        changed = run_batch(*write({"jobs": [SERIAL]})[1])

        for ended, difference in ((options, "--no-mark (it was not given)"), (changed, "/jobs/0")):
            assert (ended.status, ended.stdout) == (1, "")
            assert f"of another batch or of other options, which differ in {difference}; resume it with" in ended.stderr

    def test_a_journal_with_something_in_it_is_refused(self, write):
        """It may be of a batch that is not done; the message says how to go on."""
        begin, _ = write({"jobs": []})
        run_batch(*begin)
        again = run_batch(*begin)

        assert (again.status, again.stdout) == (1, "")
        assert "--resume" in again.stderr

    def test_a_new_journal_can_be_read_by_its_owner_only(self, write):
        """Whatever the user's mask allows."""
        begin, _ = write({"jobs": []})
        run_batch(*begin)

        assert stat.S_IMODE(os.stat(begin[1]).st_mode) == 0o600

    def test_a_journal_in_use_is_refused(self, write, tasks):
        """A batch that still runs is not run twice at once."""
        begin, resume = write({"jobs": [SERIAL]})
        with open(begin[1], "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            refused = [run_batch(*begin), run_batch(*resume)]

        assert [(ended.status, ended.stdout) for ended in refused] == [(1, "")] * 2
        assert all("is in use by another process" in ended.stderr for ended in refused)
        assert tasks() == []

    def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(self, write, tasks):
        """What was obtained is in the output, nothing is posted that cannot be noted, and a resume does the rest."""
        begin, resume = write({"jobs": [noops("serial", 3)]})
        code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3100, 3100)); "
        code += "from pscheduler_commands import batch; batch()"
        done = subprocess.run(
            [sys.executable, "-B", "-c", code, *begin],
            capture_output=True,
            env=environment(),
            timeout=TIME_LIMIT,
            check=False,
        )
        found = json.loads(done.stdout)["jobs"][0]["results"]
        posted = len(tasks())
        ended = run_batch(*resume)

        assert done.returncode == 1
        assert "cannot write the journal" in done.stderr.decode()
        assert 1 <= posted < 3
        assert len([result for result in found if result["runs"]]) == posted
        assert ended.status == 0
        assert len(tasks()) == 3
        assert len([result for result in ended.results[0] if result["runs"]]) == 3


class TestInterruption:
    """Interrupted batches cancel their tasks; going on with one runs these iterations anew."""

    @pytest.fixture
    def long_batch(self, tmp_path):
        """A batch that is done quickly when it is run for the second time."""
        napping = {**task("idle", duration="PT20S"), "reference": {"n": 1}}
        return {"jobs": [noops("quick", 1), job("long", task=napping)]}

    @pytest.mark.parametrize("noted", [True, False])
    def test_a_canceled_task_is_run_again(self, noted, pscheduler, write, tasks, long_batch):
        """Even if the process ended before it could note that the task was canceled."""
        begin, resume = write(long_batch)
        process = subprocess.Popen(
            [sys.executable, "-m", "pscheduler_batch", *begin],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        wait_for(process, begin[1], '"event":"posted"', 2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIME_LIMIT)
        assert process.returncode == 130
        if not noted:
            cut(begin[1], '"event":"canceled"')
        again = subprocess.Popen(
            [sys.executable, "-m", "pscheduler_batch", *resume],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        wait_for(again, begin[1], '"event":"posted"', 3)
        again.kill()
        again.communicate()

        assert [found.enabled for found in tasks()] == [True, False, True]


def wait_for(process, journal, text, count):
    """Wait until a text is in a journal so many times."""
    while not os.path.exists(journal) or Path(journal).read_text(encoding="ascii").count(text) < count:
        if process.poll() is not None:
            pytest.fail(process.stderr.read().decode())
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue


def cut(journal, text):
    """Cut a journal off where a line has a text in it."""
    lines = Path(journal).read_text(encoding="ascii").splitlines(keepends=True)
    kept = next(number for number, line in enumerate(lines) if text in line)
    Path(journal).write_text("".join(lines[:kept]), encoding="ascii")
