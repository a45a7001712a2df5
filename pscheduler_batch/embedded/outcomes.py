"""Making outcomes of one participant in the shape of ``result-full`` and ``result-merged`` (recordings e36, f, g)."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional

from pscheduler_batch.embedded.test import Outcome

_DEEPEST = 8


def participant(result: Any, *, diags: str = "", error: Optional[str] = None, succeeded: bool = True) -> Dict[str, Any]:
    """Make what one participant reports."""
    return {"diags": diags, "error": error, "result": result, "succeeded": succeeded}


def success(merged: Mapping[str, Any], *, result: Any = None, diags: str = "", error: Optional[str] = None) -> Outcome:
    """
    Make the outcome of a measurement that was made.

    Args:
        merged: The merged result, with ``succeeded``.
        result: What the participant itself reported; the merged result where that is the same.
        diags: What the measurement has to say about how it was made.
        error: What pScheduler's tool writes there on success: null, or an empty text.
    """
    own = merged if result is None else result
    return Outcome(merged=merged, full=(participant(own, diags=diags, error=error),))


def failure(error: str, *, diags: str = "", merged: Optional[Mapping[str, Any]] = None) -> Outcome:
    """
    Make the outcome of a measurement that failed, as in the recordings f-noopfail and f-dnsfail.

    Args:
        error: The reason.
        diags: What the measurement has to say about how it was made.
        merged: What the merged result holds beside ``succeeded``, where the recording has something.
    """
    result = None if merged is None else {**merged, "succeeded": False}
    return Outcome(
        merged={"succeeded": False} if result is None else result,
        full=(participant(result, diags=diags, error=error, succeeded=False),),
    )


def reason_of(error: BaseException) -> str:
    """Find the system's own words for an error: libraries wrap them in more general ones, several deep."""
    found: Optional[BaseException] = error
    reason = str(error) or type(error).__name__
    for _ in range(_DEEPEST):
        number = getattr(found, "errno", None) or 0
        if number > 0:  # the name service has negative ones
            reason = os.strerror(number)
        found = None if found is None else found.__cause__ or found.__context__
    return reason
