"""Batches of strangers: their scripts have limits, and see nothing but their input, whatever they try (ADR 63)."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import threading
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from pscheduler_batch.errors import InputError, TransformError
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Transform
from pscheduler_batch.planning import confined_plan, planner
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.confined_plan import plan_confined
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.processor import BatchProcessor
from pscheduler_batch.transforms import script_child, watchdog
from pscheduler_batch.transforms.confinement import Confinement, confine_process
from pscheduler_batch.transforms.jq_process import JqProcess
from pscheduler_batch.transforms.pipeline import Transforms
from pscheduler_batch.transforms.script import ScriptError

TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}
# Long enough for a slow machine; what is to be stopped never ends.
LIMITS = Confinement(time=timedelta(seconds=60), memory=256 << 20)
SHORT = Confinement(time=timedelta(seconds=0.3), memory=256 << 20)
SECRET = "swordfish-in-the-environment"


def batch_of(script, **pairs):
    """Load a batch whose task is changed by a script."""
    return load_batch({"schema": 3, "jobs": [{"task": TASK, "task-transform": {"script": script, **pairs}}]})


def seen(script, confinement=LIMITS):
    """Run a script whose value becomes a pair of a task, and return that pair."""
    plan = plan_confined(batch_of(f".reference.seen = ({script}\n)"), confinement)
    return plan.jobs[0].iterations[0].task["reference"]["seen"]


def refused(script, confinement=LIMITS):
    """Run a script that fails, and return the errors."""
    with pytest.raises(TransformError) as raised:
        seen(script, confinement)
    return str(raised.value)


def test_a_confined_plan_is_the_same_plan():
    """With warnings, secrets, delays and large numbers."""
    batch = load_batch(
        {
            "schema": 3,
            "global": {
                "data": {"_key": "s3cr3tpassword", "n": [1, 2]},
                "transform-pre": {"script": ".reference = $global.n"},
            },
            "jobs": [
                {
                    "label": "a",
                    "iterations": {"script": "3"},
                    "parallel": True,
                    "backoff": "PT1.5S",
                    "task": {**TASK, "reference": {"big": 2**63 + 1}},
                    "task-transform": {"script": ".reference = [$iteration, $_x]", "args": {"_x": "s3cr3tagain"}},
                },
                {"task": TASK, "enabled": False},
                {"task": [TASK, {**TASK, "reference": {"_a": "s3cr3tthird"}}], "continue-if": {"script": "true"}},
            ],
        }
    )

    assert plan_confined(batch, LIMITS) == plan_batch(batch, Transforms(batch))


def test_errors_of_a_confined_plan_are_the_same_errors():
    """Of scripts, of tasks, and of too many iterations."""
    for script in ('error("no")', "5", "1 +", "del(.test)"):
        batch = batch_of(script)
        with pytest.raises(InputError) as free:
            plan_batch(batch, Transforms(batch))
        with pytest.raises(InputError) as confined:
            plan_confined(batch, LIMITS)
        assert type(confined.value) is type(free.value)
        # A compile error is shown without the functions in front of the script.
        assert str(confined.value) == str(free.value)
    with pytest.raises(InputError, match="too many iterations"):
        plan_confined(load_batch({"jobs": [{"iterations": 5, "task": TASK}]}), LIMITS, max_iterations=4)


@pytest.mark.parametrize(
    "script",
    [
        "env",
        "env | tojson",
        "env.SECRET",
        "[env[]]",
        '"\\(env)"',
        "first(env, 1)",
        "def f: env; f",
        "[1] | map(env)",
        "path(env)",
        ". as $x | env",
        "reduce 1 as $x (0; env)",
        "input",
        "[inputs]",
        "input_filename",
        "input_line_number",
        "debug",
        'debug("x")',
        "stderr",
        "halt",
        "halt_error",
        "halt_error(0)",
        "get_search_list",
        "get_prog_origin",
        "get_jq_origin",
        '"a" | modulemeta',
    ],
)
def test_what_is_not_the_input_is_not_available(script, monkeypatch):
    """Whatever is built around it."""
    monkeypatch.setenv("SECRET", SECRET)

    message = refused(script)
    assert "is not available in a batch that runs as a task" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "script",
    ["$ENV", "$ENV.SECRET", "$ ENV.SECRET", '"\\($ENV)"', "1 as $ENV | $ENV", "$__prog_args"],
)
def test_the_environment_is_no_variable(script, monkeypatch):
    """The reason names it."""
    monkeypatch.setenv("SECRET", SECRET)

    assert "is not available in a batch that runs as a task" in refused(script)


@pytest.mark.parametrize(
    "script", ["$\n#x\nENV.SECRET", "$#\\\nENV", "try env catch .", "env? // null", ". as {a: $x} ?// $x | env? // 1"]
)
def test_the_environment_is_empty_for_what_is_not_recognized(script, monkeypatch):
    """A search for words does not protect it."""
    monkeypatch.setenv("SECRET", SECRET)
    try:
        found = json.dumps(seen(script))
    except TransformError as error:
        found = str(error)

    assert SECRET not in found


@pytest.mark.parametrize(
    "script",
    [
        'import "a" as a; a::f',
        'include "a"; f',
        'import "a" as $a; $a',
        '#c\nimport "a" as a {search: "FOLDER"}; .',
        '#c\\\nx\nimport "a" as a; .',
        'module {}; import "a" as a; .',
        '. | import "a" as a; .',
        '(import "a" as a; a::f)',
        '"\\(import "a" as a; 1)"',
        'def f: import "a" as a; 1; .',
        '} | import "a" as a; .',
        ') | import "a" as a; a::f | (.',
    ],
)
def test_no_module_is_imported(script, tmp_path, monkeypatch):
    """Neither code nor data, from any place in a script."""
    (tmp_path / "a.jq").write_text(f'def f: "{SECRET}";')
    (tmp_path / "a.json").write_text(f'["{SECRET}"]')
    monkeypatch.setenv("JQ_LIBRARY_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(TransformError) as raised:
        plan_confined(batch_of(script.replace("FOLDER", str(tmp_path))), LIMITS)
    assert "does not compile" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_names_of_what_is_not_available_can_be_used():
    """As keys, in strings and in comments."""
    assert seen('{env: 1, input: 2} | .env + .input # env\n| "debug \\(.)"') == "debug 3"


@pytest.mark.parametrize(
    "script", ["[repeat(1)]|length", "def f: f; f", "[range(1e12)|select(.<0)]", "last(range(1e12))"]
)
def test_a_script_that_never_ends_is_stopped(script):
    """However it goes on."""
    assert "the scripts of the batch take more than 0.3 s together, the limit" in refused(script, SHORT)


def test_the_script_that_is_stopped_is_named():
    """As far as one is running."""
    batch = batch_of(".")

    def work(place):
        if place is not None:
            note.begin(*place)
        threading.Event().wait()

    with closing(watchdog.ScriptNote(batch)) as note:
        for place in (None, ("/jobs/0/task-transform", 0, 7)):
            with pytest.raises(watchdog.ScriptEndedError, match=r"^the scripts of the batch take more") as caught:
                watchdog.run_watched(partial(work, place), note, timedelta(0), confinement=SHORT)
            running = caught.value.running
            assert (running.where, running.job, running.iteration) == (place or ("/", -1, -1))


def test_many_slow_scripts_are_stopped_together():
    """Each of them may be short."""
    script = "reduce range(20000) as $x (.; .)"
    batch = load_batch({"jobs": [{"iterations": 100_000, "task": TASK, "task-transform": {"script": script}}]})

    with pytest.raises(TransformError, match=r"take more than 0\.3 s together"):
        plan_confined(batch, SHORT)


def test_a_script_that_does_not_compile_in_time_is_stopped():
    """The compiler is a program, too."""
    script = f".reference = [{'[.],' * 400_000}1]"

    with pytest.raises(TransformError):
        plan_confined(batch_of(script), SHORT)


@pytest.mark.parametrize(
    "script",
    [
        '"x" * 1e9',
        "[range(1e9)]",
        "def f: 1 + f; f",
        '[limit(1e9; repeat("x" * 1000))]',
        'reduce range(100) as $x ("x"; . + .)',
    ],
)
def test_a_script_that_takes_all_memory_is_stopped(script, monkeypatch):
    """By the system, whatever it asks for at once; this process does not grow."""

    def confine(memory):
        # Else the crash tells the tests' own standard error.
        faulthandler.disable()
        confine_process(memory)

    monkeypatch.setattr(script_child, "confine_process", confine)
    before = watchdog._memory_of(os.getpid())
    message = refused(script, Confinement(time=timedelta(seconds=60), memory=64 << 20))

    assert "memory" in message
    assert watchdog._memory_of(os.getpid()) - before < 64 << 20


def test_scripts_do_not_run_without_their_process(monkeypatch):
    """Where processes cannot be forked, a check runs them in this one; those of a stranger are refused."""
    monkeypatch.setattr(os, "fork", lambda: (_ for _ in ()).throw(OSError(11, "no more processes")))

    assert "the system does not allow a process for the scripts" in refused("1")


def test_the_check_confines_as_well():
    """With the same errors, and only what it found."""
    text = json.dumps({"jobs": [{"task": TASK, "task-transform": {"script": ".reference = env"}}]}).encode()
    endless = text.replace(b".reference = env", b"def f: f; f")

    (problem,) = check_batch(text, source="b.json", confinement=LIMITS).problems
    assert "`env` is not available in a batch that runs as a task" in problem.reason
    (problem,) = check_batch(endless, source="b.json", confinement=SHORT).problems
    assert "take more than 0.3 s together" in problem.reason


def judged(script, text="[]", confinement=LIMITS):
    """Run a script as those of ``continue-if`` are run."""

    async def run():
        process = JqProcess(confinement)
        try:
            return await process.run(Transform("", script), {"a": 1}, text)
        finally:
            await process.aclose()

    return asyncio.run(run())


@pytest.mark.parametrize("script", ["env", "$ENV", "input", 'import "a" as a; true', "debug", "halt"])
def test_continue_if_is_confined(script, monkeypatch):
    """It runs in a process that was started in another way."""
    monkeypatch.setenv("SECRET", SECRET)

    with pytest.raises(ScriptError, match="available in a batch that runs as a task") as raised:
        judged(script)
    assert SECRET not in str(raised.value)
    assert judged("$global.a == 1 and . == []") is True


def test_continue_if_has_limits():
    """Of time and memory, also for what it is given."""
    with pytest.raises(ScriptError, match=r"still running after 0\.3 s, the limit"):
        judged("def f: f; f", confinement=SHORT)
    small = Confinement(time=timedelta(seconds=60), memory=48 << 20)
    with pytest.raises(ScriptError, match="memory"):
        judged("[range(1e9)]", confinement=small)
    with pytest.raises(ScriptError, match="memory"):
        judged("true", json.dumps(["x" * 1000] * 100_000), confinement=small)


def test_the_processor_confines(monkeypatch):
    """If it is told so, for tasks and conditions alike."""
    document = {"jobs": [{"task": TASK, "task-transform": {"script": ".reference = env"}}]}
    monkeypatch.setattr(planner, "plan_batch", None)

    with pytest.raises(TransformError, match="`env` is not available"):
        BatchProcessor(document, confinement=LIMITS)(dry_run=True)
    assert confined_plan.DEFAULT_MAX_ITERATIONS == planner.DEFAULT_MAX_ITERATIONS
