"""Making output documents of batches, as the program writes them, for reports to be made of."""

from __future__ import annotations

from typing import Any, Dict, List

RTT = {"succeeded": True, "min": "PT0.0003S", "mean": "PT0.0004S", "max": "PT0.0005S", "sent": 4, "lost": 1}
HOSTILE = "\x1b[2J</script><b>\u202egnp.exe\x00\n=1+1\ud800" + "x" * 10_000
START = "2026-03-01T12:00:00+00:00"
END = "2026-03-01T12:03:05+00:00"


def run(result: Any = RTT, **about: Any) -> Dict[str, Any]:
    """Make a run; a name's underscores are hyphens in its ``run`` pair."""
    href = "https://ps.example.net/pscheduler/tasks/t/runs/r"
    pairs = {name.replace("_", "-"): value for name, value in about.items()}
    return {
        "application/json": result,
        "text/plain": "plain",
        "text/html": "<p>html</p>",
        "run": {"href": href, "state": "finished", "start-time": START, "end-time": END, **pairs},
    }


def failed_run(reason: str = "Timeout", **about: Any) -> Dict[str, Any]:
    """Make a run that failed."""
    return run({"succeeded": False, "error": reason}, state="failed", **about)


def result(*runs: Dict[str, Any], kind: str = "rtt", error: Any = None, **spec: Any) -> Dict[str, Any]:
    """Make the result of an iteration."""
    task = {"test": {"type": kind, "spec": {"dest": "192.0.2.1", **spec}}, "schedule": {}}
    failure = {} if error is None else {"succeeded": False, "error": error}
    return {"task": task, "runs": list(runs), **failure}


def skipped(after: str = "rtt/0", **spec: Any) -> Dict[str, Any]:
    """Make the result of an iteration that was not submitted because another one had failed."""
    return {**result(error=f"not submitted, because {after} failed", **spec), "skipped": True}


def several(*seconds: int, start: int = 0, end: int = 40, state: str = "finished", **spec: Any) -> Dict[str, Any]:
    """
    Make an iteration with several results.

    Args:
        seconds: How many seconds after noon each was made.
        start: How many seconds after noon the lead run started.
        end: How many seconds after noon it ended.
        state: Its state.
        spec: As for :func:`result`.
    """

    def at(second: int) -> str:
        return f"2026-03-01T12:00:{second:02d}+00:00"

    made = result(*(run(start_time=at(second), end_time=at(second)) for second in seconds), **spec)
    href = "https://ps.example.net/pscheduler/tasks/t/runs/lead"
    return {**made, "lead-run": {"href": href, "state": state, "start-time": at(start), "end-time": at(end)}}


def job(*results: Dict[str, Any], label: str = "rtt", **pairs: Any) -> Dict[str, Any]:
    """Make a job with its results."""
    return {"label": label, "task": {}, **pairs, "results": list(results)}


def kept(expectation: str = "rtt: loss = 0", **pairs: Any) -> Dict[str, Any]:
    """Make the outcome of an expectation that was met, as in the ``batch`` pair."""
    return {"expectation": expectation, "job": "rtt", "met": True, "found": "25 % in 1 run", **pairs}


def broken(expectation: str = "rtt: loss = 0", **pairs: Any) -> Dict[str, Any]:
    """Make that of one that was not met."""
    return {**kept(expectation, **pairs), "met": False}


def judged(*judgments: Dict[str, Any]) -> Dict[str, Any]:
    """Make an output with a run that succeeded and such expectations."""
    document = output(job(result(run())))
    return {**document, "batch": {**document["batch"], "expectations": list(judgments)}}


def shuffled(document: Dict[str, Any], seed: Any = 7) -> Dict[str, Any]:
    """Add a random order of iterations to an output."""
    orders = [list(range(len(each["results"]))) for each in document["jobs"]]
    return {**document, "batch": {**document["batch"], "shuffle": {"seed": seed, "orders": orders}}}


def output(*jobs: Dict[str, Any], **pairs: Any) -> Dict[str, Any]:
    """Make an output document."""
    given: List[Dict[str, Any]] = list(jobs)
    return {"jobs": given, "batch": {"start": START, "end": END, "duration": "PT3M5S"}, **pairs}
