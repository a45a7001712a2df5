"""
Programs written for the batch processor that perfSONAR ships (ADR 1, 4 and 47).

Its callers are its own command and the program of the document; this calls ours in every way that these do, and in the
ways that its parameters allow.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, List

import pytest
import respx

import pscheduler_batch
from pscheduler_batch import BatchError, BatchProcessor, EndedError, InputError, SchedulerError, TransformError
from pscheduler_batch.input.loader import load_batch
from tests.unit.test_processor import BATCH, CLOCK, ROOT, environment, posted, references, server

__all__ = ["environment", "server"]

HOST = ROOT.split("/")[2]
EMPTY = {"label": "none", "task": []}


def ignore(message: str) -> None:
    """Do nothing with a message."""


def names_raised_by(tree: ast.AST) -> List[str]:
    """List the functions and classes of a module that raise an InputError, or pass one on, by their docstrings."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    makers = {node.name for node in classes for inner in node.body if inner in functions and raises_input_error(inner)}
    return sorted(makers | {node.name for node in functions if raises_input_error(node)} - {"__init__", "__call__"})


def raises_input_error(function: Any) -> bool:
    """Return whether the docstring of a function lists InputError or TransformError."""
    return any(f"{name}:" in (ast.get_docstring(function) or "") for name in ("InputError", "TransformError"))


def called_in(statements: List[ast.stmt], module: ast.AST) -> List[str]:
    """List what is called in statements: methods, and the functions and classes that a module defines or imports."""
    known = {alias.name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names}
    known |= {node.name for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    calls = [node.func for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Call)]
    methods = [call.attr for call in calls if isinstance(call, ast.Attribute)]
    return methods + [call.id for call in calls if isinstance(call, ast.Name) and call.id in known]


def catches_value_errors(node: ast.AST) -> bool:
    """Return whether a statement catches ValueError without naming InputError or BatchError as well."""
    if isinstance(node, ast.Try):
        caught = [ast.unparse(handler.type) for handler in node.handlers if handler.type is not None]
        return any("ValueError" in name for name in caught) and not {"InputError", "BatchError"} & set(caught)
    if isinstance(node, ast.With):
        return any("suppress" in ast.unparse(item) and "ValueError" in ast.unparse(item) for item in node.items)
    return False


@pytest.mark.parametrize(
    "call",
    [
        lambda batch, **ours: BatchProcessor(batch, assist=None, assist_bind=None, lead=None, bind=None, **ours),
        lambda batch, **ours: BatchProcessor(
            batch, assist=HOST, assist_bind="127.0.0.1", lead=HOST, bind="127.0.0.1", **ours
        ),
        lambda batch, **ours: BatchProcessor(batch, HOST, "127.0.0.1", HOST, "127.0.0.1", **ours),
        lambda batch, **ours: BatchProcessor(batch, HOST, lead=HOST, **ours),
        lambda batch, **ours: BatchProcessor(spec=batch, **ours),
        BatchProcessor,
    ],
    ids=["command", "keywords", "positions", "mixed", "spec", "document"],
)
def test_a_processor_is_made_as_there(server, call):
    """By the parameters spec, assist, assist_bind, lead and bind, in this order or by name; None is the default."""
    result = call(BATCH, clock=CLOCK)()

    assert references(result) == [0, 1]
    assert len(posted(server)) == 2


@pytest.mark.parametrize(
    ("arguments", "named", "runs"),
    [
        ([], {"dry_run": False, "debug": ignore}, 1),
        ([False, ignore], {}, 1),
        ([], {"debug": ignore}, 1),
        ([], {"dry_run": True, "debug": ignore}, 0),
        ([True, ignore], {}, 0),
        ([True], {"debug": ignore}, 0),
        ([], {}, 1),
        ([False], {}, 1),
        ([True], {}, 0),
        ([], {"dry_run": True}, 0),
    ],
)
def test_a_processor_is_called_as_there(server, arguments, named, runs):
    """With dry_run and debug, in this order or by name, or without; what it returns can be written as JSON."""
    result = BatchProcessor(BATCH, clock=CLOCK)(*arguments, **named)

    assert [len(item["runs"]) for item in result["jobs"][0]["results"]] == [runs, runs]
    assert len(posted(server)) == 2 * runs
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("debug", [ignore, partial(print, file=sys.stderr), [].append])
def test_debug_may_be_any_function_of_a_message(server, debug):
    """The default of the shipped one, what its command prints, and a bound method; each gets one string."""
    lines: List[Any] = []
    result = BatchProcessor(BATCH, clock=CLOCK)(debug=lambda message: (lines.append(message), debug(message)))

    assert references(BatchProcessor(BATCH, clock=CLOCK)(debug=debug)) == references(result) == [0, 1]
    assert lines
    assert all(isinstance(line, str) for line in lines)


def test_the_import_of_the_command_works():
    """The module has the class, and an import of everything brings it."""
    module = importlib.import_module("pscheduler.batchprocessor")

    assert module.BatchProcessor is BatchProcessor
    assert "BatchProcessor" in module.__all__


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"jobs": [3]},
        {"jobs": [{"task": "rtt"}]},
        {"schema": 9, "jobs": []},
        {"schema": "x", "jobs": []},
        {"jobs": [{"task": {}, "backoff": "soon"}]},
        "not JSON",
        b"\xff",
        {"jobs": [{"task": {}}]},
        {"jobs": [{"task": BATCH["jobs"][0]["task"], "task-transform": {"script": "foo("}}]},
        {"jobs": [{"task": BATCH["jobs"][0]["task"], "task-transform": {"script": 'error("no")'}}]},
        {"schema": 3, "jobs": [{"task": {}, "iterations": {"script": '"x"'}}]},
        {"schema": 2, "jobs": [{"task": BATCH["jobs"][0]["task"], "continue-if": {"script": "foo("}}]},
        {"jobs": [{"task": BATCH["jobs"][0]["task"], "iterations": 10**9}]},
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_the_command_catches_a_wrong_batch(batch, dry_run):
    """As a ValueError or an OSError, whichever way the batch is wrong; nothing is sent."""
    with respx.mock:
        try:
            BatchProcessor(batch)(dry_run=dry_run)
        except (ValueError, OSError) as error:
            caught: Any = error

    assert isinstance(caught, InputError)
    assert str(caught).startswith("At /")


def test_what_a_wrong_batch_raises_is_both():
    """Programs that catch BatchError go on doing so; only what is wrong with the batch itself is a ValueError."""
    assert issubclass(TransformError, InputError)
    assert issubclass(InputError, BatchError)
    assert issubclass(InputError, ValueError)
    assert not issubclass(EndedError, ValueError)
    assert not issubclass(SchedulerError, ValueError)


def test_an_error_keeps_its_parts():
    """The second base class changes nothing about it."""
    with pytest.raises(ValueError, match="At /jobs/0") as caught:
        load_batch(b'{"jobs": [3]}', source="batch.json")

    assert isinstance(caught.value, InputError)
    assert (caught.value.source, caught.value.text) == ("batch.json", '{"jobs": [3]}')
    assert [problem.where for problem in caught.value.problems] == ["/jobs/0"]
    assert str(caught.value) == f"batch.json: {caught.value.problems[0]}"


def test_no_code_of_the_package_takes_an_input_error_for_another_value_error():
    """What may raise an InputError is not called where ValueError is caught, unless InputError is caught, too."""
    sources = sorted(Path(pscheduler_batch.__file__).parent.rglob("*.py"))
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources}
    raising = {name for tree in trees.values() for name in names_raised_by(tree)}
    swallowed = [
        f"{path.name}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if catches_value_errors(node) and raising.intersection(called_in(node.body, tree))
    ]

    assert {"load_batch", "plan_batch", "BatchProcessor", "AsyncBatchProcessor", "parse"} <= raising
    assert swallowed == []


def test_an_empty_array_of_tasks_is_a_job_without_iterations(server):
    """It has no results, and the job after it runs."""
    result = BatchProcessor({"jobs": [EMPTY, *BATCH["jobs"]]}, clock=CLOCK)()

    assert result["jobs"][0] == {"label": "none", "task": [], "results": []}
    assert [item["task"]["reference"] for item in result["jobs"][1]["results"]] == [0, 1]


@pytest.mark.parametrize(
    "pairs",
    [
        {"iterations": 5},
        {"parallel": True},
        {"parallel": True, "backoff": "PT1S", "setup-time": "PT"},
        {"parallel": True, "sync-start": False},
        {"task-transform": {"script": "error"}},
    ],
)
def test_no_pair_of_a_job_without_iterations_matters(pairs):
    """Nothing is sent, transformed or waited for."""
    with respx.mock:
        result = BatchProcessor({"jobs": [{"task": [], **pairs}]}, clock=CLOCK)()

    assert result["jobs"] == [{"task": [], **pairs, "results": []}]


@pytest.mark.parametrize(("script", "reached"), [("length == 0", 2), ("length > 0", 0)])
def test_a_continue_if_is_given_no_results_of_an_empty_array(server, script, reached):
    """It decides as ever."""
    empty = {"task": [], "continue-if": {"script": script}}
    result = BatchProcessor({"schema": 2, "jobs": [empty, *BATCH["jobs"]]}, clock=CLOCK)()

    assert len(result["jobs"][1]["results"]) == reached


def test_a_duration_without_a_number_is_none(server):
    """PT is a duration of zero, in a job and in a task."""
    task = {**BATCH["jobs"][0]["task"], "schedule": {"slip": "PT"}}
    job = {"iterations": 2, "parallel": True, "backoff": "PT", "setup-time": "PT", "task": task}
    result = BatchProcessor({"jobs": [job]}, clock=CLOCK)()

    assert [item["task"]["schedule"] for item in result["jobs"][0]["results"]] == [
        {"slip": "PT", "start": "2026-03-01T12:00:00+00:00"}
    ] * 2
