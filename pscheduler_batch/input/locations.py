"""
Where in the text of an input the parts are that errors are about.

A task is computed from the input, so an error in it may have no place in the text; it then gets the place of the
nearest part around it.
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
    Add line and column to problems: those of their part, or of the script that introduced them.

    Args:
        problems: Problems with JSON pointers.
        text: The text of the input; if None, the problems are returned unchanged.
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
        # A name that is not in the text has no place; the part around it has one.
        at_name = problem.at_name and not problem.change and len(path) == len(steps_of(problem.where))
        place = places[path]
        line, column, end_column = lines.extent(text, place.name if at_name else place.value)
        located.append(replace(problem, line=line, column=column, end_column=end_column))
    return located


def locate_findings(findings: Sequence[Finding], text: Optional[str]) -> List[Problem]:
    """
    Turn findings about the input itself into problems, with line and column if there is a text.

    Args:
        findings: Findings whose paths exist in the input.
        text: The text of the input, valid JSON.
    """
    problems = [Problem(pointer(finding.path), finding.reason, at_name=finding.at_name) for finding in findings]
    return locate_problems(problems, text)


def in_order(problems: Iterable[Problem], document: JSON) -> List[Problem]:
    """
    Sort problems by their place in the input; the sort is stable.

    Args:
        problems: The problems, with line and column if there is a text.
        document: The input, for problems without line and column.
    """

    def place(problem: Problem) -> Tuple[int, int, List[int]]:
        if problem.line is None or problem.column is None:
            return 0, 0, rank(document, _nearest_path(document, problem.where))
        return problem.line, problem.column, []

    return sorted(problems, key=place)


def rank(document: JSON, path: Path) -> List[int]:
    """
    Return the position of a part of a document as a sort key: an object before its pairs, pairs in their order.

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
    Follow a JSON pointer as far as it exists.

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
