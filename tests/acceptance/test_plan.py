"""Looking at a batch without running it: the plan, the dry run and its differences, by the real command."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.support.commands import environment, job, run_batch, task

SWEEP = {
    "schema": 3,
    "jobs": [
        job(
            "sweep",
            iterations=5,
            task={**task("rtt", dest="www.example.net"), "schedule": {"repeat": "PT1H"}},
            task_transform={"script": ".test.spec.count = ($iteration + 1) * 5"},
        ),
        job("together", iterations=9, parallel=True, task=task("idle", duration="PT20S")),
        job("off", enabled=False),
    ],
}
LOOKING = [("--plan",), ("--dry-run",), ("--dry",), ("--dry-run", "--diff"), ("--dry", "--diff")]


@pytest.mark.parametrize("options", LOOKING)
def test_looking_needs_neither_a_server_nor_beta(options):
    """Nothing is submitted (ADR 5); the host that is named does not exist."""
    ended = run_batch(*options, "--assist", "nowhere.invalid", batch={"jobs": [job()]}, BETA="")

    assert (ended.status, ended.stderr) == (0, "")
    assert ended.stdout


@pytest.mark.parametrize("options", [("--plan",), ("--dry-run", "--diff")])
def test_a_batch_can_be_a_file(options, tmp_path):
    """As it can be for any other use."""
    path = tmp_path / "batch.json"
    path.write_text('{"jobs": [{"label": "here", "task": {"test": {"type": "noop", "spec": {}}}}]}', encoding="utf-8")
    ended = run_batch(*options, str(path), BETA="")

    assert ended.status == 0
    assert "here" in ended.stdout


def test_a_plan_is_a_table_and_a_time_line():
    """In 80 columns where there is no terminal, without colors."""
    ended = run_batch("--plan", batch=SWEEP, COLUMNS="80", BETA="")
    lines = [line.split() for line in ended.stdout.splitlines()]

    assert ["sweep/1", "rtt", "www.example.net", "after", "/0", "0:21", "10", "s"] in lines
    assert ["off:", "not", "enabled"] in lines
    assert [words[0] for words in lines if words and words[-1].endswith("█")].count("together/8") == 1
    assert "\x1b" not in ended.stdout


def test_a_plan_warns_of_a_setup_time_that_is_too_short():
    """Nine tasks take a server 18 seconds, and the start is after 15."""
    ended = run_batch("--plan", batch=SWEEP, BETA="")

    assert ended.status == 0
    assert ": warning: /jobs/1/setup-time" in ended.stderr
    assert '"PT35S"' in ended.stderr


def test_a_plan_warns_of_a_backoff_that_does_not_space_the_starts():
    """ADR 10."""
    ended = run_batch("--plan", batch={"jobs": [job(iterations=2, parallel=True, backoff="PT1M")]}, BETA="")

    assert 'set "sync-start": false to delay their starts' in ended.stderr


@pytest.mark.parametrize("width", [20, 200])
def test_a_plan_fits_the_terminal(width):
    """With a label that means harm."""
    hostile = "\x1b[2J\u202e" + "a" * 10_000
    ended = run_batch("--plan", batch={"jobs": [job(hostile, iterations=100)]}, COLUMNS=str(width), BETA="")

    assert ended.status == 0
    assert all(line.isprintable() and len(line) <= width for line in ended.stdout.splitlines())


@pytest.mark.parametrize(("changes", "colored"), [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False)])
def test_a_plan_has_colors_on_a_terminal_only(changes, colored):
    """A real one, of the system."""
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "pscheduler_batch", "--plan"],
            stdin=subprocess.PIPE,
            stdout=follower,
            env=environment(BETA="", **{"TERM": "xterm", "COLUMNS": "60", **changes}),
        )
        os.close(follower)
        process.communicate(b'{"jobs": [{"label": "a", "task": {"test": {"type": "noop", "spec": {}}}}]}', timeout=60)
        written = _read_all(terminal)

    assert b"a/0" in written
    assert (b"\x1b[" in written) is colored


def _read_all(terminal):
    """Read until the other side has gone, which Linux calls an error."""
    parts = []
    while True:
        try:
            part = terminal.read(65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def test_a_plan_is_written_to_streams_that_take_ascii_only():
    """Other signs are used then."""
    ended = run_batch("--plan", batch={"jobs": [job("é")]}, PYTHONIOENCODING="ascii", BETA="")

    assert ended.status == 0
    assert "\\xe9/0" in ended.stdout


@pytest.mark.parametrize("options", [("--plan",), ("--dry-run", "--diff")])
def test_what_is_wrong_with_a_batch_is_said_instead(options):
    """Nothing is shown of a batch that cannot be run."""
    ended = run_batch(*options, batch={"jobs": [job(iterations=-1)]}, BETA="")

    assert (ended.status, ended.stdout) == (1, "")
    assert "error: /jobs/0/iterations" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("options", [("--plan",), ("--dry-run", "--diff")])
@pytest.mark.parametrize("count", [1001, 10_000])
def test_many_iterations_are_summarized(options, count):
    """In a few lines."""
    script = {"script": ".test.spec.data = $iteration"}
    ended = run_batch(*options, batch={"jobs": [job("x", iterations=count, task_transform=script)]}, BETA="")

    assert ended.status == 0
    assert len(ended.stdout.splitlines()) < 40
    assert f"{count - 1}" in ended.stdout


def test_a_dry_run_prints_every_task_and_no_runs():
    """As they would be posted."""
    ended = run_batch("--dry", batch=SWEEP, BETA="")
    sweep, together, off = ended.results

    assert [result["task"]["test"]["spec"]["count"] for result in sweep] == [5, 10, 15, 20, 25]
    assert sweep[0]["task"]["schedule"] == {}
    assert (len(together), off, {len(result["runs"]) for result in sweep}) == (9, [], {0})


def test_differences_are_told_by_place():
    """What the transforms changed, and what the batch drops."""
    ended = run_batch("--dry-run", "--diff", batch={"schema": 3, "jobs": [SWEEP["jobs"][0]]}, BETA="")
    lines = ended.stdout.splitlines()

    assert lines[:5] == [
        "sweep (/jobs/0): 5 iterations",
        "  all 5 iterations:",
        '    - /schedule/repeat: "PT1H" (dropped: the batch decides when and how often its tasks run)',
        "  iteration 0:",
        "    + /test/spec/count: 5",
    ]
    assert lines[-2:] == ["  iteration 4:", "    + /test/spec/count: 25"]


@pytest.mark.parametrize("options", [("--plan",), ("--dry-run", "--diff")])
def test_secrets_are_not_shown(options):
    """ADR 18."""
    secret = {"script": '.test.spec.data = {"_key": "hunter2"} | .reference = "hunter2"'}
    secret["script"] += " | .test.spec.data.copy = $args._key"
    secret["args"] = {"args": {"_key": "swordfish"}}
    ended = run_batch(*options, batch={"jobs": [job(iterations=2, task_transform=secret)]}, BETA="")

    assert ended.status == 0
    assert [word for word in ("hunter2", "swordfish") if word in ended.stdout + ended.stderr] == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no file that is always full")
@pytest.mark.parametrize("options", [("--plan",), ("--dry-run", "--diff")])
def test_what_cannot_be_written_is_one_message(options):
    """No traceback of a full disk."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pscheduler_batch", *options],
            input=b'{"jobs": [{"task": {"test": {"type": "noop", "spec": {}}}}]}',
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(BETA=""),
            timeout=60,
            check=False,
        )

    assert ended.returncode == 1
    assert ended.stderr.startswith(b"pscheduler batch: error: cannot write")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("options", LOOKING[1:])
def test_what_a_dry_run_shows_goes_to_the_file_that_is_named(options, tmp_path):
    """As every other output does; a plan is for a terminal."""
    path = tmp_path / "out"
    ended = run_batch(*options, "-o", str(path), batch={"jobs": [job("here")]}, BETA="")

    assert (ended.status, ended.stdout) == (0, "")
    assert "here" in path.read_text(encoding="utf-8")
