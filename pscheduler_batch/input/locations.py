"""
Where in the user's file a problem is that came up after loading.

A task is worked out from the file, so a place in it may not be in the file at all; then the nearest place around it is.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Iterable, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.errors import Problem
from pscheduler_batch.input.json_values import Finding
from pscheduler_batch.input.positions import Lines, locate
from pscheduler_batch.model import JSON
from pscheduler_batch.pointers import Path, pointer, steps_of


def locate_problems(problems: Sequence[Problem], text: Optional[str]) -> List[Problem]:
    """
    Give problems their line and column: those of their place, or of the script that is to blame.

    Args:
        problems: Each with a JSON pointer.
        text: The text of the input; None where there is none, and then the problems stay as they are.
    """
    if text is None or not problems:
        return list(problems)
    document = json.loads(text)
    wheres = [f"{problem.change.transform}/script" if problem.change else problem.where for problem in problems]
    paths = [_nearest_path(document, where) for where in wheres]
    places = locate(text, paths)
    lines = Lines(text)
    located = []
    for problem, path in zip(problems, paths):
        # A name that is not in the text has no place; then it is that of what is around it.
        at_name = problem.at_name and not problem.change and len(path) == len(steps_of(problem.where))
        place = places[path]
        line, column, end_column = lines.extent(text, place.name if at_name else place.value)
        located.append(replace(problem, line=line, column=column, end_column=end_column))
    return located


def locate_findings(findings: Sequence[Finding], text: Optional[str]) -> List[Problem]:
    """
    Make problems of what was found in the input itself, with line and column where there is a text.

    Args:
        findings: Each with a path that is in the input.
        text: The text of the input; right JSON.
    """
    if text is None or not findings:
        return [Problem(pointer(finding.path), finding.reason, at_name=finding.at_name) for finding in findings]
    places = locate(text, [finding.path for finding in findings])
    lines = Lines(text)
    problems: List[Problem] = []
    for finding in findings:
        place = places[finding.path]
        line, column, end_column = lines.extent(text, place.name if finding.at_name else place.value)
        problem = Problem(pointer(finding.path), finding.reason, at_name=finding.at_name)
        problems.append(replace(problem, line=line, column=column, end_column=end_column))
    return problems


def in_order(problems: Iterable[Problem], document: JSON) -> List[Problem]:
    """
    Sort problems by their place in the input; those of the same place stay as they are.

    Args:
        problems: With their lines and columns, where there are any.
        document: The input, for problems that have none.
    """

    def place(problem: Problem) -> Tuple[int, int, List[int]]:
        if problem.line is None or problem.column is None:
            return 0, 0, rank(document, _nearest_path(document, problem.where))
        return problem.line, problem.column, []

    return sorted(problems, key=place)


def rank(document: JSON, path: Path) -> List[int]:
    """
    Say where in a document a part is, for sorting: an object before its pairs, pairs as they come.

    >>> rank({"a": 1, "b": [5, 6]}, ("b", 1))
    [1, 1]
    """
    ranks: List[int] = []
    for step in path:
        if isinstance(document, Mapping):
            ranks.append(list(document).index(str(step)))
            document = document[step]
        elif isinstance(document, (list, tuple)):
            ranks.append(int(step))
            document = document[int(step)]
    return ranks


def _nearest_path(document: Any, where: str) -> Path:
    """
    Follow a JSON pointer as far as it goes.

    >>> _nearest_path({"jobs": [{"task": {}}]}, "/jobs/0/task/test/type")
    ('jobs', 0, 'task')
    """
    path: Path = ()
    for name in steps_of(where):
        if isinstance(document, dict) and name in document:
            path, document = (*path, name), document[name]
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            path, document = (*path, int(name)), document[int(name)]
        else:
            break
    return path
