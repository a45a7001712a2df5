"""
The methods of one plug-in: executable files that get JSON on the standard input and write JSON to the standard output.

Time limits and environments are those of pScheduler 5.2. There, the methods that belong to the scheduling of a task run
inside the database, with next to nothing in their environment, and those that clients ask for in the web server.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from pscheduler_batch.embedded.classes.processes import ENDED_FROM_OUTSIDE, Ended, Processes
from pscheduler_batch.embedded.offers import MethodError

TEST_METHODS = (
    *("enumerate", "spec-is-valid", "cli-to-spec", "spec-to-cli"),
    *("participants", "spec-format", "result-format"),
)
TOOL_METHODS = ("enumerate", "can-run", "duration", "participant-data", "run", "merged-results")

# In seconds. pScheduler has none for those of a minute; no client waits longer than that. The one for "run" depends on
# the run.
TIME_LIMITS: Mapping[str, float] = {
    "enumerate": 15,
    "spec-is-valid": 60,
    "participants": 5,
    "cli-to-spec": 5,
    "spec-to-cli": 15,
    "result-format": 60,
    "can-run": 5,
    "duration": 15,
    "participant-data": 15,
    "merged-results": 5,
}

# What a method gets of the server's environment: those in the database and the web server, and those of the runner.
_LITTLE = ("PATH",)
_OF_RUNNER = ("HOME", "LANG", "PATH", "PYTHONPATH")


def little_environment() -> Dict[str, str]:
    """Return the environment of all methods but ``run`` and ``merged-results``."""
    return {name: os.environ[name] for name in _LITTLE if name in os.environ}


def runner_environment(host: str) -> Dict[str, str]:
    """
    Return the environment of ``run``, which also gets a ``TMPDIR``, and of ``merged-results``.

    Args:
        host: The host and port of the server, for the tasks that the method submits.
    """
    kept = {name: os.environ[name] for name in _OF_RUNNER if name in os.environ}
    return {**kept, "PWD": "/", "PSCHEDULER_LOCALHOST": host}


class Methods:
    """
    The methods of one plug-in.

    Attributes:
        kind: ``test`` or ``tool``.
        name: The name of its directory.

    Args:
        directory: The directory with the methods.
        processes: Where the processes run.
        time_limits: How long each method but ``run`` may take, in seconds.
    """

    def __init__(self, directory: Path, processes: Processes, time_limits: Mapping[str, float]) -> None:
        self.kind = directory.parent.name
        self.name = directory.name
        self._directory = directory.absolute()
        self._processes = processes
        self._time_limits = time_limits

    def has(self, method: str) -> bool:
        """Return whether there is an executable file for a method."""
        path = self._directory / method
        return path.is_file() and os.access(path, os.X_OK)

    async def execute(
        self,
        method: str,
        document: Any,
        *,
        arguments: Sequence[str] = (),
        environment: Optional[Mapping[str, str]] = None,
        seconds: Optional[float] = None,
        on_line: Optional[Callable[[str], None]] = None,
    ) -> Ended:
        """
        Run a method until it ends or its time is over.

        Args:
            method: Its name.
            document: Its input, None for an empty one.
            arguments: Its arguments.
            environment: Its environment; by default :func:`little_environment`.
            seconds: Its time limit; by default that of the method.
            on_line: Is called with each line of its standard output, which is not returned then.
        """
        if not self.has(method):
            return Ended(ENDED_FROM_OUTSIDE, "", f"{self.kind} plugin {self.name} has no '{method}' method.")
        return await self._processes.run(
            [str(self._directory / method), *arguments],
            "" if document is None else json.dumps(document),
            seconds=self._time_limits[method] if seconds is None else seconds,
            environment=little_environment() if environment is None else environment,
            on_line=on_line,
        )

    async def text(self, method: str, document: Any, *, arguments: Sequence[str] = ()) -> str:
        """
        Return what a method prints.

        Raises:
            MethodError: It failed.
        """
        ended = await self.execute(method, document, arguments=arguments)
        if ended.status:
            raise MethodError(ended.stderr.strip() or f"{method} exited with status {ended.status}")
        return ended.stdout

    async def json(self, method: str, document: Any, kind: type = dict) -> Any:
        """
        Return the JSON that a method prints.

        Args:
            method: Its name.
            document: Its input, None for an empty one.
            kind: What it must return: ``dict`` or ``list``.

        Raises:
            MethodError: It failed, or printed something else.
        """
        text = await self.text(method, document)
        try:
            value = json.loads(text)
        except (RecursionError, ValueError) as error:
            raise MethodError(f"{self.kind} {self.name}: {method} returned invalid JSON: {error}") from error
        if not isinstance(value, kind):
            wanted = "an object" if kind is dict else "an array"
            raise MethodError(f"{self.kind} {self.name}: {method} returned JSON that is not {wanted}")
        return value
