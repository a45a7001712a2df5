"""The template of examples/psconfig/, checked and filled in as pSConfig does it."""

from __future__ import annotations

import json
import re
from itertools import permutations
from pathlib import Path
from typing import Any, Dict, Tuple

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples" / "psconfig" / "batch-mesh.json"
_VARIABLE = re.compile(r"\{%\s+(?:pscheduler_)?address\[(\d)\]\s+%\}")


def template() -> Dict[str, Any]:
    """Return the template."""
    loaded: Dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return loaded


def specs_of_mesh(document: Any, task: str) -> Dict[Tuple[str, str], Dict[str, Any]]:
    """
    Return the specification of the test of each pair of a mesh, with the variables of pSConfig replaced.

    Args:
        document: The template; its addresses have neither labels nor addresses of their own for pScheduler.
        task: The name of the task.
    """
    pairs = document["tasks"][task]
    members = [document["addresses"][member["name"]] for member in document["groups"][pairs["group"]]["addresses"]]
    text = json.dumps(document["tests"][pairs["test"]]["spec"])
    return {
        ends: json.loads(_VARIABLE.sub(lambda found, ends=ends: ends[int(found[1])], text))
        for ends in permutations([member["address"] for member in members], 2)
    }
