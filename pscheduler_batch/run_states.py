"""The states of runs, in pScheduler's words, and what they mean."""

from __future__ import annotations

# The states of a run. Scheduling ends at its start, cleanup with its merged result.
SCHEDULING, PENDING, ON_DECK, RUNNING, CLEANUP = "scheduling", "pending", "on-deck", "running", "cleanup"
FINISHED, FAILED, OVERDUE, MISSED = "finished", "failed", "overdue", "missed"
NONSTART, PREEMPTED, CANCELED = "nonstart", "preempted", "canceled"

UNSTARTED_STATES = frozenset({SCHEDULING, PENDING, ON_DECK})
# A run does not leave these any more. An overdue one is not among them, as it can still become finished [k].
FINAL_STATES = frozenset({FINISHED, FAILED, NONSTART, MISSED, PREEMPTED, CANCELED})
NEVER_RAN_STATES = frozenset({NONSTART, MISSED})
# Those of a run that did not come about or was cut, which --retries makes up for.
UNMEASURED_STATES = NEVER_RAN_STATES | {PREEMPTED}
RUN_STATES = UNSTARTED_STATES | {RUNNING, CLEANUP, OVERDUE} | FINAL_STATES
