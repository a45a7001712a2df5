"""Use the files of examples/cron/ as cron and systemd do."""

from __future__ import annotations

import configparser
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable

import pytest

from pscheduler_batch import BatchProcessor
from pscheduler_batch.embedded.server import EmbeddedServer
from tests.support.commands import TIME_LIMIT, environment

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests" / "examples" / "good" / "numbers-survive.json"
CRON = ROOT / "examples" / "cron"
SCRIPT = CRON / "keep-a-week"
CRON_PATH = "/usr/bin:/bin"  # Where cron searches for programs.
OUTPUT = re.compile(r"numbers-survive-\d{8}T\d{6}[+-]\d{4}\.json")


@pytest.fixture
def cron(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the script with these commands on the embedded server."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    for name, module in (("batch", "batch"), ("batch-report", "batch_report")):
        program = bin_directory / f"pscheduler-{name}"
        code = f"from pscheduler_commands import {module}; {module}()"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    environ = {**environment(BETA=""), "PATH": f"{bin_directory}:/usr/bin:/bin"}
    del environ["HOME"]  # A service has none.

    def run_script(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(SCRIPT), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False, cwd=ROOT, env=environ
        )

    return run_script


@pytest.fixture
def directory(tmp_path) -> Path:
    """The directory for the outputs."""
    directory = tmp_path / "results"
    directory.mkdir()
    return directory


def outputs_in(directory):
    """Return the outputs in a directory."""
    return sorted(path for path in directory.iterdir() if OUTPUT.fullmatch(path.name))


def names_in(directory):
    """Return the other files in a directory."""
    return sorted(path.name for path in directory.iterdir() if not OUTPUT.fullmatch(path.name))


def make_old(path, days):
    """Create an output with a modification time some days ago."""
    path.write_text('{"jobs": [], "batch": {}}', encoding="utf-8")
    then = datetime.now(timezone.utc).timestamp() - days * 24 * 3600
    os.utime(path, (then, then))


def test_the_script_keeps_outputs_for_a_week(cron, directory):
    """The script is silent, leaves one output, and removes only outputs of this batch that are a week old."""
    make_old(directory / "numbers-survive-20200101T001700+0000.json", 8)
    make_old(directory / "numbers-survive-20200103T001700-0100.json", 6)
    for name in ("numbers-survive-notes.json", "numbers-survive-too-20200101T001700+0000.json"):
        make_old(directory / name, 8)
    done = cron(str(GOOD), str(directory), "--embedded")
    kept, new = outputs_in(directory)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kept.name == "numbers-survive-20200103T001700-0100.json"
    assert json.loads(new.read_text(encoding="utf-8"))["jobs"][0]["results"]
    assert names_in(directory) == [
        ".numbers-survive.lock",
        "numbers-survive-notes.json",
        "numbers-survive-too-20200101T001700+0000.json",
        "numbers-survive.html",
        "numbers-survive.log",
    ]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d{4} status 0\n", (directory / "numbers-survive.log").read_text(encoding="utf-8")
    )


def test_the_script_makes_a_page_of_the_week(cron, directory):
    """The page has the runs of all outputs of this batch that are kept; a page that others may read stays so."""
    page = directory / "numbers-survive.html"
    page.touch(mode=0o644)
    other = directory / "numbers-survive-too-20200101T001700+0000.json"
    other.write_text("{}", encoding="utf-8")
    done = [cron(str(GOOD), str(directory), "--embedded") for _ in range(2)]
    shown = page.read_text(encoding="utf-8")

    assert [(each.returncode, each.stdout, each.stderr) for each in done] == [(0, "", "")] * 2
    assert len(outputs_in(directory)) == 2
    assert "<dt>Outputs</dt><dd>2</dd>" in shown
    assert page.stat().st_mode & 0o777 == 0o644


def test_the_script_says_that_the_page_was_not_written(cron, directory):
    """The output is kept, and the message is in the log."""
    (directory / "numbers-survive.html").mkdir()
    done = cron(str(GOOD), str(directory), "--embedded")
    log = (directory / "numbers-survive.log").read_text(encoding="utf-8")

    assert done.returncode == 1
    assert "numbers-survive.html: it is a directory" in done.stderr
    assert "the page of the week could not be written" in done.stderr
    assert log.endswith(done.stderr)
    assert len(outputs_in(directory)) == 1


def test_the_script_takes_names_as_they_are(cron, tmp_path):
    """Names may contain characters special to a shell, find, or the command; the directory is created."""
    batch = tmp_path / "50% [a]*\\d.json"
    shutil.copy(GOOD, batch)
    directory = tmp_path / "to %Y & back"
    done = cron(str(batch), str(directory), "--embedded")
    names = sorted(path.name for path in directory.iterdir())

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert names[0] == f".{batch.stem}.lock"
    assert re.fullmatch(re.escape(batch.stem) + r"-\d{8}T\d{6}[+-]\d{4}\.json", names[1])
    assert names[2:] == [f"{batch.stem}.html", f"{batch.stem}.log"]


def test_the_script_says_what_failed(cron, tmp_path):
    """A batch that cannot be read is reported on stderr and in the log, with the exit status of the command."""
    directory = tmp_path / "results"
    done = cron(str(tmp_path / "nothing.json"), str(directory))
    log = (directory / "nothing.log").read_text(encoding="utf-8")

    assert done.returncode == 1
    assert "cannot read" in done.stderr
    assert "ended with status 1" in done.stderr
    assert log.splitlines()[0].endswith(" status 1")
    assert log.endswith(done.stderr)
    assert sorted(path.name for path in directory.iterdir()) == [".nothing.lock", "nothing.log"]


def test_the_script_keeps_a_short_log(cron, tmp_path, directory):
    """The log keeps the last thousand lines."""
    log = directory / "nothing.log"
    log.write_text("".join(f"{number}\n" for number in range(2000)), encoding="utf-8")
    done = cron(str(tmp_path / "nothing.json"), str(directory))
    lines = log.read_text(encoding="utf-8").splitlines()

    assert len(lines) == 1000
    assert lines[0].isdigit()
    assert lines[-1] == done.stderr.splitlines()[-1]


def test_the_script_does_not_run_a_batch_beside_itself(cron, directory):
    """While another process has the lock, the batch is skipped silently, and the journal stays."""
    journal = directory / ".numbers-survive.journal"
    journal.write_text("what happened so far\n", encoding="utf-8")
    with (directory / ".numbers-survive.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = cron(str(GOOD), str(directory))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert outputs_in(directory) == []
    assert journal.read_text(encoding="utf-8") == "what happened so far\n"
    assert "skipped" in (directory / "numbers-survive.log").read_text(encoding="utf-8")


def test_the_script_goes_on_with_what_a_crash_left(cron, directory):
    """A batch with a journal and no output is resumed: submitted tasks are not submitted again."""
    journal = directory / ".numbers-survive.journal"
    with EmbeddedServer(keep_alive=True) as server:
        host = server.netloc
        BatchProcessor(GOOD.read_text(encoding="utf-8"), host, lead=host, journal=str(journal))()
        submitted = list(server.state.tasks)
        done = cron(str(GOOD), str(directory), "--assist", host, "--lead", host)
        afterwards = list(server.state.tasks)
    (output,) = outputs_in(directory)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (len(submitted), afterwards) == (1, submitted)
    assert not journal.exists()
    assert json.loads(output.read_text(encoding="utf-8"))["jobs"][0]["results"][0]["runs"]


def test_the_script_keeps_the_journal_of_a_batch_without_output(cron, directory):
    """A journal that cannot be resumed is kept for the user."""
    journal = directory / ".numbers-survive.journal"
    journal.write_text("this\nis no journal\n", encoding="utf-8")
    done = cron(str(GOOD), str(directory))

    assert done.returncode == 1
    assert "is not a journal" in done.stderr
    assert journal.exists()
    assert outputs_in(directory) == []


def test_the_script_says_how_it_is_used(cron):
    """The script exits with the status of wrong usage."""
    done = cron(str(GOOD))

    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")


FAILING = '{"jobs": [{"task": {"test": {"type": "idle", "spec": {"duration": "x"}}}}]}'


@pytest.mark.usefixtures("cron")
@pytest.mark.parametrize(("batch", "status"), [(GOOD.read_text(encoding="utf-8"), 0), (FAILING, 3)])
def test_the_other_line_of_the_crontab_works(tmp_path, batch, status):
    """The line works as cron passes it to a shell, without backslashes before %; a failed run sends mail."""
    lines = (CRON / "crontab").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if "pscheduler-batch --" in line]
    command = line.removeprefix("# ").split(maxsplit=5)[5].replace("/usr/local/bin/", f"{tmp_path}/bin/")
    unescaped = command.replace("\\%", "%").replace("--lock", "--embedded --lock").replace("$HOME", str(tmp_path))
    (tmp_path / "batches" / "results").mkdir(parents=True)
    (tmp_path / "batches" / "batch.json").write_text(batch, encoding="utf-8")
    environ = {**environment(BETA="", PSCHEDULER_BATCH_NO_SUMMARY=""), "PATH": CRON_PATH}
    done = subprocess.run(
        ["sh", "-c", unescaped], env=environ, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
    )
    (output,) = (tmp_path / "batches" / "results").iterdir()

    assert re.search(r"(?<!\\)%", command) is None
    assert (done.returncode, done.stdout) == (status, "")
    assert ("1 failed" in done.stderr) == bool(done.stderr) == bool(status)
    assert re.fullmatch(r"\d{8}T\d{6}\.json", output.name)


@pytest.mark.parametrize("document", ["README.md", "examples/cron/crontab", "man/pscheduler-batch.1"])
def test_lines_of_a_crontab_have_the_full_path(document):
    """The program is not where cron searches."""
    lines = (ROOT / document).read_text(encoding="utf-8").replace("\\-", "-").splitlines()
    found = [line for line in lines if re.match(r"(# )?17 \* \* \* \* ", line)]

    assert found
    assert all(
        re.search(r" (BETA=1 /usr/local/bin/pscheduler-batch|\$HOME/batches/keep-a-week) ", line) for line in found
    )


def read_unit(name):
    """Read a systemd unit."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(CRON / f"pscheduler-batch.{name}", encoding="utf-8")
    return unit


def test_the_units_are_right_in_themselves():
    """The units have the sections that they need, and name the script and each other."""
    service, timer = read_unit("service"), read_unit("timer")

    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["ExecStart"].split()[0].endswith("/keep-a-week")
    assert "%" not in service["Service"]["ExecStart"]
    assert timer["Timer"]["OnCalendar"]
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_systemd_accepts_the_units(tmp_path):
    """The units work with the script at the path that they name."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd here")
    for name in ("service", "timer"):
        text = (CRON / f"pscheduler-batch.{name}").read_text(encoding="utf-8")
        text = text.replace("/usr/local/bin/keep-a-week", str(SCRIPT))
        (tmp_path / f"pscheduler-batch.{name}").write_text(text, encoding="utf-8")
    units = [str(tmp_path / f"pscheduler-batch.{name}") for name in ("service", "timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
