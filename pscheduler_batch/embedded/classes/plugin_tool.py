"""A tool of a class folder."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import shutil
import tempfile
from datetime import timedelta
from typing import Any, AsyncIterator, Callable, Dict, List, Mapping, Optional, Sequence, Set

from pscheduler_batch.embedded.classes.methods import Methods, runner_environment
from pscheduler_batch.embedded.classes.processes import Ended
from pscheduler_batch.embedded.offers import Assignment, MethodError, OfferedTool
from pscheduler_batch.embedded.test import Outcome
from pscheduler_batch.iso8601 import format_duration, format_timestamp, parse_duration
from pscheduler_batch.text import shorten

logger = logging.getLogger("pscheduler_batch.embedded")

# Begins each result of a test that gives several (RFC 7464).
_RECORD_SEPARATOR = "\x1e"

# How long after its scheduled end "run" is ended, in seconds.
_AFTER_END = 1.0

_FAILED_CAN_RUN = "Failed can-run; see system logs."


class PluginTool(OfferedTool):
    """A tool whose methods are processes."""

    is_plugin = True

    def __init__(self, methods: Methods, document: Mapping[str, Any]) -> None:
        """Take the methods of the plug-in and what ``enumerate`` printed."""
        self.name = methods.name
        self.document = document
        self._methods = methods
        self._running: Set[asyncio.Task[Ended]] = set()

    async def reasons_against(self, test: Mapping[str, Any]) -> Sequence[str]:
        """Return why the tool declines; a method that fails declines as well, and its reason is logged."""
        try:
            answer = await self._methods.json("can-run", test)
        except MethodError as error:
            logger.warning('Tool "%s" failed can-run: %s', self.name, error)
            return (_FAILED_CAN_RUN,)
        if answer.get("can-run") is True:
            return ()
        return tuple(str(reason) for reason in answer.get("reasons", ())) or ("No reason given.",)

    async def duration(self, test: Mapping[str, Any]) -> timedelta:
        """Return the duration that the tool asks for, in whole seconds."""
        answer = await self._methods.json("duration", test)
        try:
            span = parse_duration(answer["duration"])
        except (KeyError, TypeError, ValueError) as error:
            raise MethodError(f"tool {self.name}: duration returned no ISO 8601 duration: {error}") from error
        return timedelta(seconds=math.ceil(span.total_seconds()))

    async def participant_data(self, test: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data of the only participant."""
        data: Mapping[str, Any] = await self._methods.json("participant-data", {"test": test, "participant": 0})
        return data

    async def run(self, assignment: Assignment) -> AsyncIterator[Outcome]:
        """
        Run the tool.

        If this is cancelled, because the task or the run was, the process continues until it ends by itself or its
        time is over: pScheduler's runner does not end it either.
        """
        lines: asyncio.Queue[Optional[str]] = asyncio.Queue()
        running = asyncio.ensure_future(self._run(assignment, lines.put_nowait))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        running.add_done_callback(lambda _: lines.put_nowait(None))
        output: List[str] = []
        while True:
            line = await lines.get()
            if line is None:
                break
            if assignment.multi_result and line.startswith(_RECORD_SEPARATOR):
                output.clear()
                result = self._result_of(line[1:])
                if result is not None:
                    yield Outcome(result, ())
            else:
                output.append(line)
        ended = await asyncio.shield(running)
        if not assignment.multi_result:
            yield self._outcome(ended, "\n".join(output))
        elif ended.status:
            raise MethodError(_reason(ended))

    def _result_of(self, line: str) -> Optional[Mapping[str, Any]]:
        """Return one of several results; one that is no JSON is discarded, as in pScheduler."""
        result = _object(line)
        if result is None:
            logger.warning('Tool "%s": discarding bogus result %s', self.name, shorten(line))
        return result

    def _outcome(self, ended: Ended, stdout: str) -> Outcome:
        """Return the report of the only participant, which is yet to be merged."""
        errors = _reason(ended) if ended.status else ended.stderr or None
        report = _object(stdout)
        if ended.status:
            diags = f"Tool standard output:\n\n{stdout}\n\nTool standard error:\n\n{errors}\n"
            report = {"succeeded": False, "error": f"Tool failed: {errors}", "diags": diags}
        elif report is None:
            diags = f"Returned text:\n\n{stdout}\n"
            report = {"succeeded": False, "error": f"Tool {self.name} returned invalid JSON", "diags": diags}
        return Outcome({}, (report,), errors)

    async def _run(self, assignment: Assignment, on_line: Callable[[str], None]) -> Ended:
        """Run the method with a directory for temporary files, which is removed afterwards."""
        directory = tempfile.mkdtemp(prefix="pscheduler-")
        try:
            return await self._methods.execute(
                "run",
                {
                    "schema": 1,
                    "task-uuid": assignment.task_id,
                    "schedule": {
                        "start": format_timestamp(assignment.start),
                        "duration": format_duration(assignment.duration),
                    },
                    "test": assignment.test,
                    "participant": 0,
                    "participant-data": [assignment.participant_data],
                },
                environment={**runner_environment(assignment.host), "TMPDIR": directory},
                seconds=assignment.duration.total_seconds() + assignment.lead_time + _AFTER_END,
                on_line=on_line,
            )
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    async def merge(self, assignment: Assignment, outcome: Outcome) -> Mapping[str, Any]:
        """Return what the tool makes of the reports of the participants."""
        ended = await self._methods.execute(
            "merged-results",
            {"test": assignment.test, "results": list(outcome.full)},
            environment=runner_environment(assignment.host),
        )
        merged = _object(ended.stdout)
        if merged is not None and not ended.status:
            return merged
        error = f"failed to merge results: {ended.stderr}" if ended.status else "merged-results returned invalid JSON"
        diags = f"Exited {ended.status}\n\nStandard out:\n\n{ended.stdout}\n\nStandard error:\n\n{ended.stderr}\n"
        return {"succeeded": False, "error": f"Tool {self.name} {error}", "diags": diags}


def _object(text: str) -> Optional[Dict[str, Any]]:
    """Return a JSON object, or None if a text is something else."""
    try:
        value = json.loads(text)
    except (RecursionError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _reason(ended: Ended) -> str:
    return ended.stderr or f"Tool exited with status {ended.status}"
