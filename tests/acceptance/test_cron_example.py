"""The script of examples/cron/, run as cron runs it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

import pytest

from pscheduler_batch import BatchProcessor
from pscheduler_batch.embedded.server import EmbeddedServer
from tests.commands import TIME_LIMIT, environment

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests" / "examples" / "good" / "numbers-survive.json"
CRON = ROOT / "examples" / "cron" / "hourly-batch"


@pytest.fixture
def cron(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script of the cron example with a `pscheduler-batch` that is this one, on the embedded server."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "pscheduler-batch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pscheduler_batch "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environ = {**environment(BETA=""), "PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(tmp_path)}

    def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(CRON), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False, cwd=ROOT, env=environ
        )

    return run_script


def test_cron_script_keeps_outputs_for_a_week(cron, tmp_path):
    """The script is silent, leaves one output, and removes only outputs of this batch that are a week old."""
    folder = tmp_path / "results"
    folder.mkdir()
    eight_days_ago = datetime.now(timezone.utc).timestamp() - 8 * 24 * 3600
    for name in ("numbers-survive-20200101T001700Z.json", "numbers-survive-notes.json"):
        (folder / name).write_text("{}", encoding="utf-8")
        os.utime(folder / name, (eight_days_ago, eight_days_ago))
    done = cron(str(GOOD), str(folder), "--embedded")
    left = sorted(path.name for path in folder.iterdir())

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(left) == 2
    assert left[1] == "numbers-survive-notes.json"
    assert json.loads((folder / left[0]).read_text(encoding="utf-8"))["jobs"][0]["results"]


def test_cron_script_says_what_failed(cron, tmp_path):
    """A batch that cannot be read is told on stderr, with the command's exit status, and nothing is left behind."""
    done = cron(str(tmp_path / "nothing.json"), str(tmp_path / "results"))

    assert done.returncode == 1
    assert "cannot read" in done.stderr
    assert "ended with status 1" in done.stderr
    assert list((tmp_path / "results").iterdir()) == []


def test_cron_script_does_not_run_a_batch_beside_itself(cron, tmp_path):
    """While another process has the journal, the batch is not run, and the journal stays."""
    folder = tmp_path / "results"
    folder.mkdir()
    journal = folder / ".numbers-survive.journal"
    with journal.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = cron(str(GOOD), str(folder), "--embedded")

    assert done.returncode == 1
    assert "is in use by another process" in done.stderr
    assert list(folder.iterdir()) == [journal]


def test_cron_script_goes_on_with_what_a_crash_left(cron, tmp_path):
    """A batch with a journal and no output is not begun anew: what it had submitted is not submitted again."""
    folder = tmp_path / "results"
    folder.mkdir()
    journal = folder / ".numbers-survive.journal"
    with EmbeddedServer(keep_alive=True) as server:
        host = server.netloc
        BatchProcessor(GOOD.read_text(encoding="utf-8"), host, lead=host, journal=str(journal))()
        submitted = list(server.state.tasks)
        done = cron(str(GOOD), str(folder), "--assist", host, "--lead", host)
        afterwards = list(server.state.tasks)
    left = sorted(folder.iterdir())

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (len(submitted), afterwards) == (1, submitted)
    assert [path.suffix for path in left] == [".json"]
    assert json.loads(left[0].read_text(encoding="utf-8"))["jobs"][0]["results"][0]["runs"]


def test_cron_script_keeps_the_journal_of_a_batch_without_output(cron, tmp_path):
    """A journal that could not be gone on with is for the user to look at."""
    folder = tmp_path / "results"
    folder.mkdir()
    journal = folder / ".numbers-survive.journal"
    journal.write_text("this\nis no journal\n", encoding="utf-8")
    done = cron(str(GOOD), str(folder))

    assert done.returncode == 1
    assert "is no journal" in done.stderr
    assert list(folder.iterdir()) == [journal]
