"""Tasks that ``pscheduler task --export`` wrote."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Union

from pscheduler_batch.drafts.draft import JobDraft
from pscheduler_batch.errors import InputError
from pscheduler_batch.input.json_text import parse
from pscheduler_batch.input.json_values import to_plain
from pscheduler_batch.input.locations import locate_findings
from pscheduler_batch.input.validation import explain
from pscheduler_batch.planning.planner import DROPPED_FROM_SCHEDULE


def exported_job(data: Union[bytes, str], *, source: str) -> JobDraft:
    """
    Return the job that runs an exported task.

    What a batch decides itself, when and how often the task runs, is left out with a note.

    Args:
        data: The file.
        source: Its name for messages.

    Raises:
        InputError: It is not a task, or one of a newer schema; the error has the places.
    """
    parsed = parse(data, source=source, what="a task")
    document, findings = to_plain(parsed.value)
    findings = findings or explain("task", document)
    if findings:
        raise InputError(locate_findings(findings, parsed.text), source=source, text=parsed.text)
    task: Dict[str, Any] = dict(document)
    schedule: Mapping[str, Any] = task.pop("schedule", {})
    kept = {name: value for name, value in schedule.items() if name not in DROPPED_FROM_SCHEDULE}
    dropped = [f"{name} {schedule[name]}" for name in schedule if name not in kept]
    notes = (
        [f"Its schedule had {', '.join(dropped)}; a batch runs its tasks once, so repeat the batch."] if dropped else []
    )
    if kept:
        task["schedule"] = kept
    return JobDraft(task["test"]["type"], [task], notes=notes)
