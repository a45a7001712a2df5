"""
Where in the user's file a problem is that came up after loading.

A task is worked out from the file, so a place in it may not be in the file at all; then the nearest place around it is.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, List, Optional, Sequence

from pscheduler_batch.errors import Problem
from pscheduler_batch.positions import Path, line_and_column, locate


def locate_problems(problems: Sequence[Problem], text: Optional[str]) -> List[Problem]:
    """
    Give problems their line and column.

    Args:
        problems: Each with a JSON pointer.
        text: The text of the input; None where there is none, and then the problems stay as they are.
    """
    if text is None or not problems:
        return list(problems)
    document = json.loads(text)
    paths = [_nearest_path(document, problem.where) for problem in problems]
    places = locate(text, paths)
    located = []
    for problem, path in zip(problems, paths):
        line, column = line_and_column(text, places[path].value)
        located.append(replace(problem, line=line, column=column))
    return located


def _nearest_path(document: Any, where: str) -> Path:
    """
    Follow a JSON pointer as far as it goes.

    >>> _nearest_path({"jobs": [{"task": {}}]}, "/jobs/0/task/test/type")
    ('jobs', 0, 'task')
    """
    path: Path = ()
    for word in where.split("/")[1:]:
        name = word.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            path, document = (*path, name), document[name]
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            path, document = (*path, int(name)), document[int(name)]
        else:
            break
    return path
