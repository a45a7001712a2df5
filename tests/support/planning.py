"""Batches and plans for tests of what shows them."""

from __future__ import annotations

from typing import Any, Mapping, Tuple

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms


def plan_jobs(*jobs: Mapping[str, Any], **pairs: Any) -> Tuple[Batch, Plan]:
    """Load and plan a batch of some jobs; an idle test of 10 seconds is the task of those that have none."""
    whole = {"schema": 3, "jobs": [{"task": idle("PT10S"), **job} for job in jobs], **pairs}
    batch = load_batch(whole)
    return batch, plan_batch(batch, Transforms(batch))


def idle(duration: str) -> Mapping[str, Any]:
    """Make a task that takes so long."""
    return {"test": {"type": "idle", "spec": {"duration": duration}}}


def from_host(host: str) -> Mapping[str, Any]:
    """Make a task that a host is to run."""
    return {"test": {"type": "idle", "spec": {"duration": "PT10S", "host": host}}}
