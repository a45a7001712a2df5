"""What the batches do that were made as drafts."""

from __future__ import annotations

import json
from typing import Any, List, Mapping, Sequence

from pscheduler_batch.drafts.draft import JobDraft, write_draft
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms


def tasks_of(jobs: Sequence[JobDraft]) -> List[List[Mapping[str, Any]]]:
    """Return the tasks that the batch of some jobs runs, for each job; the batch has neither errors nor warnings."""
    text = write_draft(jobs, "from a test")
    assert check_batch(text.encode(), source="draft").problems == ()
    batch = load_batch(text)
    assert [job.iterations for job in jobs] == [
        len(job.iterations) for job in plan_batch(batch, Transforms(batch)).jobs
    ]
    return [[iteration.task for iteration in job.iterations] for job in plan_batch(batch, Transforms(batch)).jobs]


def ends_of(tasks: Sequence[Mapping[str, Any]]) -> List[Any]:
    """Return the source and the destination of each task."""
    return [(task["test"]["spec"]["source"], task["test"]["spec"]["dest"]) for task in tasks]


def copy_of(document: Any) -> Any:
    """Return a copy that can be changed."""
    return json.loads(json.dumps(document))
