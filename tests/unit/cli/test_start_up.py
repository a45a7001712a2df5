"""What the command loads before it can do anything: each module costs everybody who starts it."""

from __future__ import annotations

import inspect
import json
import signal
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any, FrozenSet

import click
import pytest

from tests.support.commands import TIME_LIMIT, environment

ROOT = Path(__file__).parents[3]
# Runs the command, and then names all that was loaded.
COMMAND = """
import sys
from pscheduler_batch.cli.batch import batch
try:
    batch(prog_name="pscheduler-batch")
finally:
    print(*sys.modules, file=sys.stderr)
"""
# The same through the command that finds commands of all packages.
HOST = """
import sys
from pscheduler_commands import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
# Interrupts the program in its first argument when the module in the second one is imported.
INTERRUPTED = """
import os, sys
program, last = sys.argv[1:3]
del sys.argv[1:3]

class Interrupting:
    def find_spec(self, name, *_):
        if name == last:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), 2)

sys.meta_path.insert(0, Interrupting())
import pscheduler_commands
getattr(pscheduler_commands, program)()
"""
ENDED = (-signal.SIGINT, "", "")  # The exit status, and what it wrote.
# What only a run needs, or what would be convenient for a moment.
FOR_RUNS = {
    "aiohappyeyeballs",
    "asyncio",
    "concurrent.futures",
    "dateutil",
    "httpcore",
    "httpx",
    "importlib.metadata",
    "importlib.resources",
    "jinja2",
    "pscheduler_batch.embedded",
    "pscheduler_batch.http.client",
    "pscheduler_batch.processor",
    "pscheduler_batch.report.document_rows",
    "pscheduler_batch.report.rendering",
    "pscheduler_batch.running.runner",
    "rich",
    "ssl",
}
FOR_LOOKING = {
    "isodate",
    "jq",
    "json",
    "jsonschema_rs",
    "pscheduler_batch.cli.execute",
    "pscheduler_batch.input.loader",
}
BATCH: Any = {"jobs": [{"task": {"test": {"type": "noop", "spec": {}}}, "backoff": "PT5S"}]}
SCRIPT = {"script": ".reference = $iteration"}


def loaded(*options: str, command: str = COMMAND, **pairs: Any) -> FrozenSet[str]:
    """Run the command on a batch of one job; pairs go to the job. Give the names of all modules that it has loaded."""
    batch = {"jobs": [{**BATCH["jobs"][0], **pairs}]}
    done = subprocess.run(
        [sys.executable, "-c", command, *options],
        input=json.dumps(batch),
        capture_output=True,
        env=environment(),
        text=True,
        timeout=TIME_LIMIT,
        check=True,
    )
    return frozenset(done.stderr.split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_saying_what_there_is_loads_only_what_says_it(option):
    """Neither what runs batches nor what looks at them."""
    modules = loaded(option)

    assert "click" in modules
    assert not modules & (FOR_RUNS | FOR_LOOKING)


def click_needs_shutil() -> bool:
    """Return whether click imports shutil for a help text of a given width as well, as its older versions do."""
    source = inspect.getsource(click.HelpFormatter.__init__)
    return "import shutil" in source.partition("if width is None")[0]


def test_our_own_commands_are_run_without_a_search():
    """Neither the metadata of packages nor the group of commands is loaded, and nothing slow for the help text."""
    modules = loaded("batch", "--help", command=HOST)

    assert "pscheduler_batch.cli.batch" in modules
    assert not modules & {"importlib.metadata", "pscheduler_commands.host", *FOR_RUNS, *FOR_LOOKING}
    assert "shutil" not in modules or click_needs_shutil()


@pytest.mark.parametrize("option", ["--check", "--dry-run", "--diff", "--schema"])
def test_looking_at_a_batch_loads_nothing_that_runs_one(option):
    """No network, no event loop, nothing for terminals; and of ISO 8601 only what this batch needs."""
    modules = loaded(*(["--dry-run", option] if option == "--diff" else [option]))

    assert f"pscheduler_batch.cli.modes.{option.strip('-').replace('-', '_').replace('diff', 'dry_run')}" in modules
    assert not modules & (FOR_RUNS | {"isodate"})


@pytest.mark.parametrize("option", ["--check", "--dry-run"])
def test_jq_is_loaded_for_scripts_only(option):
    """A check has them run by another process."""

    assert "jq" not in loaded(option)
    assert ("jq" in loaded(option, **{"task-transform": SCRIPT})) is (option == "--dry-run")


def test_a_plan_loads_nothing_that_runs_a_batch():
    """It is shown in a terminal's colours, so it may load what knows them."""

    assert not loaded("--plan") & (FOR_RUNS - {"rich"})


@pytest.mark.parametrize("last", ["click", "pscheduler_batch.cli.options", "pscheduler_batch.cli.modes.check"])
@pytest.mark.parametrize("program", [("batch",), ("main", "batch")])
def test_an_interruption_while_the_program_starts_ends_it_silently(program, last):
    """Neither with a traceback nor with click's message and the status of an error."""
    assert interrupt(program[0], last, *program[1:], "--check") == ENDED


@pytest.mark.parametrize("command", ["batch", "batch-compare", "batch-new", "batch-plugins", "batch-report"])
def test_each_command_can_be_interrupted_while_it_starts(command):
    """As a program of its own and as a command of pscheduler."""
    name = command.replace("-", "_")
    module = f"pscheduler_batch.cli.{name}"

    assert (interrupt(name, module), interrupt("main", module, command)) == (ENDED, ENDED)


def test_the_first_import_can_be_interrupted():
    """Before Control-C can be handled."""
    assert interrupt("batch", "signal", before="import sys; sys.modules.pop('signal', None)") == (130, "", "")


def test_each_program_starts_in_the_same_way():
    """By what is tested here."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    scripts = settings["options.entry_points"]["console_scripts"].split()[2::3]

    assert all(script.startswith("pscheduler_commands:") for script in scripts)


def test_a_command_of_another_package_is_interrupted_as_it_expects(tmp_path):
    """By KeyboardInterrupt."""
    (tmp_path / "other.py").write_text("import click\n@click.command()\ndef hello():\n    import late\n")
    metadata = tmp_path / "other-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pscheduler.commands]\nhello = other:hello\n")

    assert interrupt("main", "late", "hello", PYTHONPATH=str(tmp_path)) == (1, "", "\nAborted!\n")


def test_an_interruption_is_ignored_if_it_was_ignored_before():
    """As by a shell that starts a program in the background."""
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"

    assert interrupt("batch", "click", "--version", before=ignore)[0] == 0


def interrupt(program, last, *arguments, before="", **changes):
    """Interrupt a program while it imports a module, and return its exit status and what it wrote."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{before}\n{INTERRUPTED}", program, last, *arguments],
        input="{}",
        capture_output=True,
        env=environment(**changes),
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr
