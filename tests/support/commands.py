"""Running the real command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from inspect import signature
from typing import Any, Callable, List, Mapping, Union

from click.testing import CliRunner

TIME_LIMIT = 60  # seconds; only what hangs needs them


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The standard output as JSON."""
        return json.loads(self.stdout)

    @property
    def results(self) -> List[List[Mapping[str, Any]]]:
        """The results of each job."""
        return [job["results"] for job in self.document["jobs"]]


def environment(**changes: str) -> Mapping[str, str]:
    """
    Return an environment without settings for pScheduler, in which batches may be run and give no summary.

    Args:
        changes: Of the environment; an empty text takes a variable out.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PSCHEDULER_")}
    ours = {"BETA": "1", "PSCHEDULER_BATCH_NO_SUMMARY": "1", **changes}
    return {name: value for name, value in {**kept, **ours}.items() if value}


def runner_of_streams() -> CliRunner:
    """Return a runner that keeps the streams apart: click 8.1 has to be told to, later versions always do."""
    apart: Any = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
    return CliRunner(**apart)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + TIME_LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def run_batch(*arguments: str, batch: Union[bytes, str, Mapping[str, Any]] = b"", **changes: str) -> Ended:
    """
    Run ``pscheduler batch``.

    Args:
        arguments: The options.
        batch: What it reads from its standard input.
        changes: Of the environment.
    """
    if isinstance(batch, Mapping):
        batch = json.dumps(batch)
    done = subprocess.run(
        [sys.executable, "-m", "pscheduler_batch", *arguments],
        input=batch.encode() if isinstance(batch, str) else batch,
        capture_output=True,
        env=environment(**changes),
        timeout=TIME_LIMIT,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def task(kind: str = "noop", **spec: Any) -> Mapping[str, Any]:
    """Make a task."""
    return {"test": {"type": kind, "spec": spec}}


def job(label: str = "noop", **pairs: Any) -> Mapping[str, Any]:
    """Make a job; a name's underscores are hyphens."""
    named = {name.replace("_", "-"): value for name, value in pairs.items()}
    return {"label": label, "task": task(), **named}
