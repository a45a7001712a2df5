"""Tests of what all steps of a batch share: nothing that they report has secrets in it (ADR 18)."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import pytest

import pscheduler_batch
from pscheduler_batch.events import (
    AttemptEnded,
    BatchEnded,
    IterationEnded,
    IterationMoved,
    LimitChanged,
    RequestHeldUp,
    Stopping,
    TaskLeft,
    Watcher,
)
from pscheduler_batch.model import Failure, IterationResult, RunResult
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.session import Session, tracebacks, unfailing
from tests.support.clock import NOON
from tests.support.events import BatchEvents, make_run, shown

BATCH = BatchEvents({})
SLOW = LimitChanged(NOON, "ps.example.net", submitting=True, limit=1, most=8, growing=False)
PACKAGE = Path(pscheduler_batch.__file__).parent

# Only these write to the standard streams.
WRITERS = {
    "output/console.py",
    "output/destination.py",
    "plugins/methods.py",
    "terminal/live_view.py",
    "terminal/progress.py",
}


def make_session(**callbacks: Any) -> Session:
    """Make the session of a batch with one secret."""
    return Session(redactor=Redactor.of([{"_key": "abc-secret"}]), **callbacks)


def is_session(call: ast.Call) -> bool:
    """Return whether a call makes a session."""
    return isinstance(call.func, ast.Name) and call.func.id == "Session"


def test_a_message_of_any_step_leaves_without_secrets():
    """The step that reports something need not redact it."""
    lines: List[str] = []
    session = make_session(log=lines.append, warning=lines.append)
    session.debug("posting abc-secret")
    session.warn("late: abc-secret")

    assert lines == ["posting (hidden)", "late: (hidden)"]


def test_a_message_that_was_cut_short_leaves_no_part_of_a_secret():
    """A part of a secret would not be found by itself."""
    lines: List[str] = []
    make_session(log=lines.append).debug("host abc-se… is late")

    assert lines == ["host (hidden)… is late"]


def test_warnings_go_to_the_debug_log_where_there_is_no_callback_for_them():
    """Where there is neither, they go nowhere."""
    lines: List[str] = []
    make_session(log=lines.append).warn("late: abc-secret")
    make_session().warn("late")

    assert lines == ["late: (hidden)"]


def test_texts_about_the_batch_have_no_secrets_in_any_event():
    """Only the session knows what is secret in them."""
    events: List[Any] = []
    session = make_session(watches=(events.append,))
    session.emit(RequestHeldUp(NOON, "abc-secret:443", "posting the task", "answered abc-secret"))
    session.emit(RequestHeldUp(NOON, "ps.example.net", "posting the task"))
    session.emit(replace(SLOW, host="abc-secret", reason="abc-secret is slow"))
    session.emit(BatchEnded(NOON, succeeded=False, error="continue-if said abc-secret"))
    session.emit(TaskLeft(NOON, BATCH.iteration(), "abc-secret", "it may run on abc-secret"))

    assert [event.reason for event in events[:3]] == ["answered (hidden)", None, "(hidden) is slow"]
    assert [event.host for event in events[:3]] == ["(hidden):443", "ps.example.net", "(hidden)"]
    assert events[3].error == "continue-if said (hidden)"
    assert (events[4].host, events[4].words) == ("(hidden)", "it may run on (hidden)")


def events_of_an_iteration() -> List[Any]:
    """Make events of an iteration whose secret is everywhere."""
    iteration, url = BATCH.iteration(), "https://abc-secret/pscheduler"
    run = replace(make_run("abc-secret", "abc-secret"), href=url, result_href=url)
    result = IterationResult(
        iteration,
        url,
        (RunResult(run, {"text/plain": "abc-secret"}, {"text/html": Failure("abc-secret", "", url)}),),
        Failure("abc-secret", "posting the task", url),
        lead_run=run,
    )
    place = (iteration, "abc-secret")
    return [
        IterationMoved(NOON, iteration, "abc-secret", "abc-secret:443", run),
        IterationEnded(NOON, result, succeeded=False),
        AttemptEnded(NOON, result),
        Stopping(NOON, (place,), (place,), 0),
        TaskLeft(NOON, iteration, None, "it may run on"),
    ]


@pytest.mark.parametrize("event", events_of_an_iteration(), ids=lambda event: type(event).__name__)
def test_what_prints_events_is_given_them_without_secrets(event):
    """Programs get whole tasks and results, but there is nothing that a printer would have to remember to hide."""
    whole: List[Any] = []
    printed: List[Any] = []
    make_session(watches=(Watcher(printed.append), whole.append)).emit(event)

    assert "abc-secret" in repr(whole[0])
    assert "abc-secret" not in repr(printed[0])


def test_states_that_are_known_are_no_secrets():
    """A short secret does not make the words of this program unreadable."""
    batch = BatchEvents({"task": {"test": {"type": "idle", "spec": {"duration": "PT2S"}}, "_key": "on"}})
    moved = shown(batch.move(0, 0, "on-deck"))

    assert (moved.state, moved.run.state) == ("on-deck", "on-deck")


def test_an_iteration_without_secrets_is_shown_as_it_is():
    """Nothing is copied."""
    batch = BatchEvents({"task": {"test": {"type": "idle", "spec": {"duration": "PT2S"}}}})

    assert shown(batch.move(0, 0, "pending")).iteration is batch.iteration()


def test_a_watcher_is_given_events_of_its_kinds_only():
    """For others, no secrets are collected."""
    given: List[Any] = []
    session = Session(watches=(Watcher(given.append, (LimitChanged,)),), redactor=Redactor(iter([])))
    for event in (BatchEnded(NOON, succeeded=False, error="x"), SLOW):
        session.emit(event)

    assert [type(event) for event in given] == [LimitChanged]


def test_the_failure_of_a_callback_is_told_without_secrets():
    """Callbacks are given whole tasks, and their errors may quote them."""

    def fail(given: str) -> None:
        raise KeyError(given)

    with pytest.warns(RuntimeWarning, match=r"watch callback failed and is not called again: KeyError\('\(hidden\)'\)"):
        unfailing(fail, "watch", Redactor({"abc-secret"}))("abc-secret")


def test_the_traceback_of_a_bug_has_no_secrets():
    """Not in its message, and it is told once however often it occurs."""
    assert tracebacks([KeyError("abc-secret")] * 2, Redactor({"abc-secret"})) == {"KeyError: '(hidden)'\n": 2}


def test_secrets_are_collected_once_and_only_if_something_is_reported():
    """Most batches report nothing, and may have many tasks."""
    collected: List[int] = []

    def tasks():
        collected.append(1)
        yield {"_key": "abc-secret"}

    lines: List[str] = []
    redactor = Redactor.of(tasks())
    Session(redactor=redactor).debug("posting")
    assert not collected
    session = Session(log=lines.append, redactor=redactor)
    session.debug("posting abc-secret")
    session.debug("posted abc-secret")

    assert (lines, collected) == (["posting (hidden)", "posted (hidden)"], [1])


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_is_reported_except_through_a_session(path):
    """
    Only sessions call the callbacks, and few modules write to the standard streams.

    Each session has the redactor of its batch, or is said to be without secrets.
    """
    name = path.relative_to(PACKAGE).as_posix()
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    called = {ast.unparse(call.func) for call in calls}
    writing = called & {"print", "sys.stderr.write", "sys.stdout.write"}

    assert not [one for one in called if one.endswith(("session.log", "session.warning", "session.watches"))]
    assert all("redactor" in {keyword.arg for keyword in call.keywords} for call in calls if is_session(call))
    assert name in WRITERS or name.startswith("embedded/") or not writing
