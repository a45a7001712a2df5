"""What the command loads before it can do anything: each module costs everybody who starts it."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from typing import Any, FrozenSet

import click
import pytest

from tests.support.commands import TIME_LIMIT, environment

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
