"""
Plan a batch, or do the minimum that this requires, in a process of its own.

The process reads a batch from standard input and prints how long planning took and how many jq programs were compiled.
The minimum is to read the JSON, to compile one program with all three transforms, and to run it for each iteration.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Callable, Dict

import jq


class CountedCompiler:
    """Count the programs that are compiled; replaces the function of jq."""

    def __init__(self, compile_program: Callable[..., Any]) -> None:
        self.count = 0
        self._compile = compile_program

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Compile a program."""
        self.count += 1
        return self._compile(*arguments, **named)


def plan(text: bytes) -> int:
    """Plan a batch as the batch processor does and return the number of iterations."""
    # Imported here because the floor does not need it.
    import jsonschema_rs  # noqa: F401, PLC0415 - otherwise the measurement would include the import

    from pscheduler_batch.processor import AsyncBatchProcessor  # noqa: PLC0415

    def measured() -> int:
        return sum(len(job.iterations) for job in AsyncBatchProcessor(text).plan().jobs)

    return _timed(measured)


def plan_floor(text: bytes) -> int:
    """Do the minimum and return the number of iterations."""

    def measured() -> int:
        document = json.loads(text)
        job, shared = document["jobs"][0], document["global"]
        scripts = (shared["transform-pre"], job["task-transform"], shared["transform-post"])
        script = " | ".join(f"({transform['script']})" for transform in scripts)
        program = jq.compile(f". as [$task, $iteration] | $task | {script}", args=_arguments(shared["data"], *scripts))
        task = json.dumps(job["task"])
        return len([program.input_text(f"[{task},{number}]").first() for number in range(job["iterations"])])

    return _timed(measured)


def _arguments(data: object, *transforms: Dict[str, Any]) -> Dict[str, Any]:
    arguments: Dict[str, Any] = {"global": data}
    for transform in transforms:
        arguments.update(transform.get("args", {}))
    return arguments


def _timed(measured: Callable[[], int]) -> int:
    compiler = CountedCompiler(jq.compile)
    jq.compile = compiler
    began = time.perf_counter()
    iterations = measured()
    seconds = time.perf_counter() - began
    measurement = {"seconds": seconds, "iterations": iterations, "compilations": compiler.count}
    sys.stdout.write(json.dumps(measurement) + "\n")
    return iterations


if __name__ == "__main__":
    {"plan": plan, "floor": plan_floor}[sys.argv[1]](sys.stdin.buffer.read())
