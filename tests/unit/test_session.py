"""Tests of what all steps of a batch share: nothing that they report has secrets in it (ADR 18)."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, List

import pytest

import pscheduler_batch
from pscheduler_batch.events import BatchEnded, RequestHeldUp
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.session import Session
from tests.support.clock import NOON

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


def test_events_of_no_iteration_have_no_secrets():
    """Only the session knows what is secret in them; the others hold their whole task."""
    events: List[Any] = []
    session = make_session(watches=(events.append,))
    session.emit(RequestHeldUp(NOON, "ps.example.net", "posting the task", "answered abc-secret"))
    session.emit(RequestHeldUp(NOON, "ps.example.net", "posting the task"))

    session.emit(BatchEnded(NOON, succeeded=False, error="continue-if said abc-secret"))

    assert [event.reason for event in events[:2]] == ["answered (hidden)", None]
    assert events[2].error == "continue-if said (hidden)"


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
    """Sessions have a redactor, only they call the callbacks, and few modules write to the standard streams."""
    name = path.relative_to(PACKAGE).as_posix()
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    called = {ast.unparse(call.func) for call in calls}
    writing = called & {"print", "sys.stderr.write", "sys.stdout.write"}

    assert not [one for one in called if one.endswith(("session.log", "session.warning"))]
    assert all("redactor" in {keyword.arg for keyword in call.keywords} for call in calls if is_session(call))
    assert name in WRITERS or name.startswith("embedded/") or not writing
