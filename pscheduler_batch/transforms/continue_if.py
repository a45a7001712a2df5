"""Run the ``continue-if`` scripts that decide whether a batch continues (ADR 16)."""

from __future__ import annotations

import json
from typing import Iterable, Optional

from pscheduler_batch.model import JSON, Job, Transform
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.jq_process import JqProcess
from pscheduler_batch.transforms.script import ScriptError, refusal


class ContinueIf:
    """
    Runs the ``continue-if`` scripts of one batch.

    They run in a process of their own, so a script that never ends does not keep a batch from being interrupted, and
    one that crashes jq does not lose the results (ADR 33).
    """

    def __init__(self, data: JSON, confinement: Optional[Confinement] = None) -> None:
        """
        Prepare to run scripts; the process is started when it is needed.

        Args:
            data: The value of ``$global``.
            confinement: Limits for each script, if they are those of a stranger.
        """
        self._data = data
        self._process = JqProcess(confinement)

    async def judge(self, job: Job, results: Iterable[str]) -> bool:
        """
        Return whether the batch continues after a job.

        Args:
            job: The job that has ended.
            results: Its results as in the output, each as JSON text; read only if there is a script.

        Raises:
            ScriptError: The script failed, or returned something other than true or false.
        """
        if job.continue_if is None:
            return True
        try:
            return await self._ask(job.continue_if, results)
        except MemoryError as error:
            raise ScriptError("not enough memory for the results that the script reads") from error

    async def _ask(self, script: Transform, results: Iterable[str]) -> bool:
        # jq needs them all at once; as text they use the least memory.
        text = f"[{','.join(results)}]"
        answer = await self._process.run(script, self._data, text)
        if not isinstance(answer, bool):
            raise refusal(answer, [script.args, self._data, json.loads(text)], expected="true or false")
        return answer

    async def aclose(self) -> None:
        """End the process."""
        await self._process.aclose()
