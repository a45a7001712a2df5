"""Tests, tasks and runs as the JSON documents of the API."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any, Dict, List, Mapping

from pscheduler_batch.embedded.documents import in_database_order, without_secrets
from pscheduler_batch.embedded.offers import describe_plugin
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.scheduling.tasks_and_runs import ENDED_STATES, Run, Task
from pscheduler_batch.iso8601 import format_duration, format_timestamp
from pscheduler_batch.run_states import FAILED, NONSTART, ON_DECK

LIMITS = "The embedded server of pscheduler-batch applies no limits."

NOT_ARCHIVED = "The embedded server of pscheduler-batch archives nothing."

# The archivers and contexts that the server has, by name.
ARCHIVERS = {"bitbucket": "Discard results"}
CONTEXTS = {"changenothing": "Make no changes"}

_DISPLAYED = {ON_DECK: "On Deck", NONSTART: "Non-Starter"}


def task_href(task: Task, root: str) -> str:
    """Return the URL of a task."""
    return f"{root}/tasks/{task.id}"


def run_href(task: Task, run: Run, root: str) -> str:
    """Return the URL of a run."""
    return f"{task_href(task, root)}/runs/{run.id}"


def describe_task(state: State, task: Task, root: str, *, detail: bool, secrets: bool) -> Dict[str, Any]:
    """Return the description of a task for ``GET /tasks/ID`` (recordings d01, d02, j01 and j03)."""
    document = dict(task.document if secrets else without_secrets(task.document))
    if detail:
        document["detail"] = _detail(state, task)
    described: Dict[str, Any] = in_database_order(document)
    href = task_href(task, root)
    if detail:
        described["detail"].update(
            {
                "href": href,
                "runs-href": f"{href}/runs",
                "first-run-href": f"{href}/runs/first",
                "next-run-href": f"{href}/runs/next",
            }
        )
    return {**described, "href": href}


def _detail(state: State, task: Task) -> Dict[str, Any]:
    kind = task.test.scheduling_class
    return {
        "added": moment(state, task.added),
        "anytime": kind in {"background", "background-multi"},
        "cli": list(task.cli),
        "diags": f"Hints:\n  requester: {task.requester}\n  server: {task.server}\n{LIMITS}",
        "duration": format_duration(task.duration),
        "enabled": task.enabled,
        "exclusive": kind == "exclusive",
        "hints": {"requester": task.requester, "server": task.server},
        "multi-result": task.test.multi_result,
        "participant": 0,
        "participants": participants(state, task),
        "post": "P0D",
        "runs": task.runs_made,
        "runs-started": task.runs_started,
        "slip": format_duration(task.schedule.slip),
        "start": None if task.start is None else moment(state, task.start),
    }


def describe_run(state: State, task: Task, run: Run, root: str, *, secrets: bool) -> Dict[str, Any]:
    """Return the description of a run for ``GET RUN`` (recordings e04, e08, h10, j11 and f-dnsfail-state-failed)."""
    document = {
        "added": moment(state, run.added),
        "state": run.state,
        "state-display": _display(run.state),
        "errors": run.errors,
        "result": run.result,
        "result-full": run.result_full,
        "result-merged": merged_result(state, task, run),
        "duration": format_duration(run.end_time - run.start_time),
        "start-time": moment(state, run.start_time),
        "end-time": moment(state, run.end_time),
        "participant": 0,
        "participants": participants(state, task),
        **_preparations(run),
    }
    if run.state == FAILED and not run.is_extra:
        document["clock-survey"] = [{"time": moment(state, run.end_time), "source": "unknown", "synchronized": False}]
    archives = task.document.get("archives", [])
    if archives and run.state in ENDED_STATES and run.result_merged is not None:
        document["archivings"] = [_archiving(state, run, archive) for archive in archives]
    described: Dict[str, Any] = in_database_order(document if secrets else without_secrets(document))
    href = run_href(task, run, root)
    return {**described, "href": href, "task-href": task_href(task, root), "result-href": f"{href}/result"}


def describe_scheduled(state: State, task: Task, run: Run, root: str) -> Dict[str, Any]:
    """Return the description of a run for ``GET /schedule`` (recording n33), without secrets."""
    return {
        **_scheduled(state, task, run, root),
        "test": task.test.document,
        "tool": task.tool.document,
        "errors": run.errors,
        "priority": None,
    }


def describe_monitored(state: State, task: Task, run: Run, root: str) -> Dict[str, Any]:
    """Return the description of a run for ``GET /monitor`` (n26, but with URLs that work), without secrets."""
    return {"ppf": tense(state, run), **_scheduled(state, task, run, root), "priority": None}


def tense(state: State, run: Run) -> int:
    """Return -1 for a run that is over, 0 for one that takes place now and 1 for one in the future."""
    now = state.now()
    return -1 if run.end_time < now else 1 if run.start_time > now else 0


def _scheduled(state: State, task: Task, run: Run, root: str) -> Dict[str, Any]:
    href = run_href(task, run, root)
    return {
        "start-time": moment(state, run.start_time),
        "end-time": moment(state, run.end_time),
        "href": href,
        "result-href": f"{href}/result",
        "state": run.state,
        "state-display": _display(run.state),
        "task": describe_task(state, task, root, detail=False, secrets=False),
        "cli": list(task.cli),
    }


def _display(state: str) -> str:
    return _DISPLAYED.get(state, state.capitalize())


def merged_result(state: State, task: Task, run: Run) -> Any:
    """Return the merged result of a run, with its secrets, or None if there is none; signed unless by a plug-in."""
    if run.result_merged is None or task.tool.is_plugin:
        return run.result_merged
    return signed(run.result_merged, state.hostname)


def _preparations(run: Run) -> Dict[str, Any]:
    """Return what is known before the run: nothing for a further run, little for one that never starts."""
    if run.is_extra:
        return {"priority": 0, "limit-diags": None, "participant-data": None, "participant-data-full": None}
    data = run.participant_data
    found: Dict[str, Any] = {"participant-data": data, "participant-data-full": [data]}
    if run.state == NONSTART:
        found = {"participant-data": None, "participant-data-full": None}
    return {"priority": None, "limit-diags": LIMITS, **found}


def _archiving(state: State, run: Run, archive: Mapping[str, Any]) -> Dict[str, Any]:
    """Report that a result was discarded, or for any other archive that nothing was sent to it (form of j11)."""
    name = str(archive.get("archiver"))
    at = moment(state, run.end_time)
    archived = name in ARCHIVERS
    attempt = {"succeeded": True} if archived else {"succeeded": False, "error": NOT_ARCHIVED}
    return {
        "spec": {"runs": "succeeded", **archive},
        "archiver": describe_plugin(name, ARCHIVERS.get(name, NOT_ARCHIVED)),
        "archiver_data": archive.get("data"),
        "archived": archived,
        "completed": True,
        "last_attempt": at,
        "diags": [
            {
                "time": at,
                "return-code": 0 if archived else 1,
                "stdout": attempt,
                # pScheduler's "result" command shows this text of a failed attempt.
                "stderr": "" if archived else NOT_ARCHIVED,
            }
        ],
    }


def participants(state: State, task: Task) -> List[str]:
    """Return the participants, this host under its own name."""
    return [host or state.hostname for host in task.participants]


def moment(state: State, time: datetime) -> str:
    """Return a time as text, without fractions of a second if the pace has none."""
    return format_timestamp(time.replace(microsecond=0) if state.pace.whole_seconds else time)


def measured_by(hostname: str) -> str:
    """Return who measured."""
    return f"the embedded server of pscheduler-batch on {hostname}"


def signed(merged: Mapping[str, Any], hostname: str) -> Dict[str, Any]:
    """Add ``measured-by`` to a merged result, unless it is a failure."""
    if merged.get("succeeded") is not True:
        return dict(merged)
    return {**merged, "measured-by": measured_by(hostname)}


def signed_plain(text: str, hostname: str) -> str:
    """Add a last line to a result as text; the reply adds the line break."""
    lines = text.rstrip("\n")
    return f"{lines}\nMeasured by {measured_by(hostname)}" if lines else f"Measured by {measured_by(hostname)}"


def signed_html(fragment: str, hostname: str) -> str:
    """Add a last paragraph to a result as a fragment of HTML; the reply adds the line break."""
    lines = fragment.rstrip("\n")
    paragraph = f"<p>Measured by {escape(measured_by(hostname))}</p>"
    return f"{lines}\n{paragraph}" if lines else paragraph
