"""The methods of the tool that need nothing of the batch: what participants exchange, and their merged result."""

from __future__ import annotations

import json
from typing import Any, Dict

from pscheduler_batch.plugins.methods import Call


def participant_data(_call: Call) -> str:
    """Return nothing: the only participant needs to know no more than the spec."""
    return "{}"


def merged_results(call: Call) -> str:
    """Return the result of the only participant; pScheduler itself makes one where the tool failed."""
    results = call.object().get("results")
    account: Any = results[0] if isinstance(results, list) and results else None
    return json.dumps(_merged(account if isinstance(account, dict) else {}))


def _merged(account: Dict[str, Any]) -> Dict[str, Any]:
    result = account.get("result")
    if isinstance(result, dict) and account.get("succeeded") is True:
        return result
    said = {name: account[name] for name in ("error", "diags") if isinstance(account.get(name), str)}
    kept = result if isinstance(result, dict) else {"schema": 1, "error": "the tool gave no result"}
    return {**kept, **said, "succeeded": False}
