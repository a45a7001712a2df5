"""The results in the recordings of whole tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

RECORDED = Path(__file__).parents[1] / "recorded" / "whole-tasks"


def recorded_results(name: str) -> List[Any]:
    """Return every merged result in the recordings of a task."""
    found: List[Any] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            found.extend([value["result-merged"]] if value.get("result-merged") else [])
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8")))
    return found
