"""Tests of the Python interface of the batch processor (document, "Invocation from Python"; ADR 4, 5, 12 and 14)."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import signal
import threading
from contextlib import closing
from datetime import timedelta
from typing import Any, Dict, List

import httpx
import pytest
import respx

from pscheduler_batch import (
    AsyncBatchProcessor,
    BatchError,
    BatchProcessor,
    EndedError,
    InputError,
    Result,
    TransformError,
    read_runs,
)
from pscheduler_batch.clock import Clock
from pscheduler_batch.events import RequestHeldUp
from pscheduler_batch.settings import Settings
from tests.support.clock import NOON

HOST = "ps.example.net"
ROOT = f"https://{HOST}/pscheduler"
TASK = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}, "_key": "abc-secret"}
BATCH: Dict[str, Any] = {
    "#": "a comment",
    "jobs": [
        {"label": "a", "#x": 1, "iterations": 2, "task": TASK, "task-transform": {"script": ".reference = $iteration"}}
    ],
}
RUN = {
    "href": f"{ROOT}/tasks/1/runs/1",
    "result-href": f"{ROOT}/tasks/1/runs/1/result",
    "state": "finished",
    "start-time": "2026-03-01T12:00:00Z",
    "end-time": "2026-03-01T12:00:00Z",
    "result-merged": {"succeeded": True},
}


async def no_sleep(_: float) -> None:
    """Do not wait."""
    await asyncio.sleep(0)


CLOCK = Clock(now=lambda: NOON, sleep=no_sleep)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """A host of this name, no bind address, and no BETA, which the Python API does not need."""
    for name in ("BETA", "PSCHEDULER_ASSIST", "PSCHEDULER_ASSIST_BIND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PSCHEDULER_LOCALHOST", HOST)


@pytest.fixture
def server():
    """A pScheduler server on which every task succeeds at once."""
    with respx.mock(assert_all_called=False) as router:
        router.get(url__startswith=f"{ROOT}/tests/").respond(json={"participants": [None]})
        router.post(f"{ROOT}/tasks").respond(json=f"{ROOT}/tasks/1")
        router.get(url__startswith=f"{ROOT}/tasks/1/runs/first").respond(json=RUN)
        router.get(url__startswith=f"{ROOT}/tasks/1/runs/1/result").respond(text="Slept.")
        yield router


def posted(server: Any) -> List[Any]:
    """Return the tasks that were posted."""
    return [json.loads(call.request.content) for call in server.calls if call.request.method == "POST"]


def references(document: Any) -> List[Any]:
    """Return what the transform made of the tasks of the first job."""
    return [result["task"]["reference"] for result in document["jobs"][0]["results"]]


def test_the_program_of_the_document_works(server):
    """With the name that it imports, its arguments, and a callback."""
    module = importlib.import_module("pscheduler.batchprocessor")
    lines: List[str] = []

    def debug(message):
        lines.append(message)

    processor = module.BatchProcessor(BATCH)
    result = processor(debug=debug)

    assert module.BatchProcessor is BatchProcessor
    assert references(result) == [0, 1]
    description = {name: RUN[name] for name in ("href", "state", "start-time", "end-time")}
    assert result["jobs"][0]["results"][0]["runs"] == [
        {"application/json": {"succeeded": True}, "text/plain": "Slept.", "text/html": "Slept.", "run": description}
    ]
    assert lines


def test_what_is_posted_is_what_the_result_says(server):
    """With a schedule, and in the order of iterations."""
    result = BatchProcessor(BATCH, clock=CLOCK)()

    assert posted(server) == [item["task"] for item in result["jobs"][0]["results"]]
    assert posted(server)[1] == {**TASK, "reference": 1, "schedule": {}}


def test_the_arguments_have_the_order_of_the_document(monkeypatch):
    """Spec, assist, assist_bind, lead, bind (ADR 4)."""
    with respx.mock as router:
        router.get(url__startswith="https://assist/pscheduler/tests/").respond(json={"participants": [None]})
        post = router.post("https://lead/pscheduler/tasks").respond(403, text="no")
        BatchProcessor(BATCH, "assist", None, "lead", None, clock=CLOCK)()

    assert post.call_count == 2


def test_one_processor_can_be_called_many_times(server):
    """Each call runs the batch again."""
    processor = BatchProcessor(BATCH, clock=CLOCK)
    first, second = processor(), processor()

    assert first == second
    assert len(posted(server)) == 4


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_done_to_a_result_is_not_done_to_the_batch(server, dry_run):
    """The next call does not have the results of this one."""
    processor = BatchProcessor({**BATCH, "jobs": [{"task": TASK}]}, clock=CLOCK, mark=False)
    result = processor(dry_run=dry_run)
    expected = copy.deepcopy(result)
    result["jobs"][0]["task"]["test"]["type"] = "changed"
    result["jobs"][0]["results"][0]["task"]["test"]["spec"]["duration"] = "changed"

    assert processor(dry_run=dry_run) == expected


@pytest.mark.parametrize("as_text", [True, False])
def test_the_spec_is_never_changed(server, as_text):
    """Neither its comments nor anything else; it may be text."""
    spec = json.dumps(BATCH) if as_text else copy.deepcopy(BATCH)
    result = BatchProcessor(spec, clock=CLOCK)()

    assert spec == (json.dumps(BATCH) if as_text else BATCH)
    assert not any(name.startswith("#") for name in [*result, *result["jobs"][0]])


def test_a_spec_that_is_changed_later_is_not_followed():
    """The batch is read when the processor is made."""
    spec = copy.deepcopy(BATCH)
    processor = BatchProcessor(spec)
    spec["jobs"][0]["iterations"] = 5

    assert len(processor(dry_run=True)["jobs"][0]["results"]) == 2


def test_a_dry_run_sends_nothing():
    """And has every task without runs; there is no server here."""
    with respx.mock:
        result = BatchProcessor(BATCH)(dry_run=True)

    assert references(result) == [0, 1]
    assert [item["runs"] for item in result["jobs"][0]["results"]] == [[], []]


def test_the_async_twin_does_the_same(server):
    """Inside a running event loop."""

    assert asyncio.run(AsyncBatchProcessor(BATCH, clock=CLOCK)()) == BatchProcessor(BATCH, clock=CLOCK)()


def test_it_can_be_called_inside_a_running_event_loop(server):
    """Such as that of a notebook."""

    async def program():
        return BatchProcessor(BATCH, clock=CLOCK)()

    assert references(asyncio.run(program())) == [0, 1]


def test_errors_reach_a_caller_inside_a_running_event_loop():
    """Like any other exception."""

    async def program():
        BatchProcessor({"jobs": [{"task": {}}]})()

    with pytest.raises(InputError):
        asyncio.run(program())


def test_control_c_inside_a_running_event_loop_ends_the_batch(server):
    """It does not run on in the background, and its task is canceled."""
    canceled = server.delete(f"{ROOT}/tasks/1").respond(200)
    server.get(url__startswith=f"{ROOT}/tasks/1/runs/first").respond(404)

    async def program():
        def interrupt(line: str) -> None:
            if "posted as" in line:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        endless = Clock(now=lambda: NOON, sleep=lambda _: asyncio.sleep(3600))
        BatchProcessor(BATCH, clock=endless)(debug=interrupt)

    # Unlike asyncio.run, a notebook leaves the handler of the signal as it is.
    with closing(asyncio.new_event_loop()) as loop, pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(program())

    assert canceled.called
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pscheduler-batch")] == []


def test_it_can_be_called_from_a_thread(server):
    """Without an event loop and without signals."""
    results: List[Any] = []
    thread = threading.Thread(target=lambda: results.append(BatchProcessor(BATCH, clock=CLOCK)()))
    thread.start()
    thread.join(timeout=30)

    assert references(results[0]) == [0, 1]


def test_one_processor_can_run_side_by_side_with_itself(server):
    """Two calls of the asynchronous class do not affect each other."""

    async def program():
        processor = AsyncBatchProcessor(BATCH, clock=CLOCK)
        return await asyncio.gather(processor(), processor())

    first, second = asyncio.run(program())

    assert references(first) == references(second) == [0, 1]


def test_the_callback_gets_lines_without_secrets(server):
    """ADR 18."""
    server.post(f"{ROOT}/tasks").respond(400, text=f"bad task {json.dumps(TASK)}")
    lines: List[str] = []
    BatchProcessor(BATCH, clock=CLOCK)(debug=lines.append)

    assert any("bad task" in line for line in lines)
    assert not any("abc-secret" in line for line in lines)
    assert all(isinstance(line, str) and line for line in lines)


def test_a_callback_that_fails_does_not_cost_the_results(server):
    """There is a warning, and it is not called again."""
    calls: List[str] = []

    def debug(message):
        calls.append(message)
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.warns(RuntimeWarning, match="the debug callback failed"):
        result = BatchProcessor(BATCH, clock=CLOCK)(debug=debug)

    assert references(result) == [0, 1]
    assert len(calls) == 1


def test_a_watch_is_given_what_happens(server):
    """In order; both classes take a callback, by its name only."""
    events: List[Any] = []
    BatchProcessor(BATCH, clock=CLOCK)(watch=events.append)
    again: List[Any] = []
    asyncio.run(AsyncBatchProcessor(BATCH, clock=CLOCK)(watch=again.append))
    kinds = [type(event).__name__ for event in events]

    assert (kinds[:2], kinds[-2:]) == (["BatchBegan", "JobBegan"], ["JobEnded", "BatchEnded"])
    assert kinds.count("IterationEnded") == 2
    assert [type(event).__name__ for event in again] == kinds
    with pytest.raises(TypeError):
        BatchProcessor(BATCH)(*(False, None, events.append))


def test_what_holds_a_request_up_is_told_without_secrets(server):
    """Any server may answer, with any text, including the task (ADR 18)."""
    junk = httpx.RemoteProtocolError("illegal status line: bytearray(b'220 abc-secret')")
    answers = [junk, junk, *[httpx.Response(200, json=RUN)] * 2]
    server.get(url__startswith=f"{ROOT}/tasks/1/runs/first").mock(side_effect=answers)
    events: List[Any] = []
    BatchProcessor(BATCH, clock=CLOCK)(watch=events.append)
    reasons = [event.reason for event in events if isinstance(event, RequestHeldUp) and event.reason]

    assert reasons == ["the host did not answer with HTTP: 220 (hidden)"] * 2


def test_a_watch_that_fails_does_not_cost_the_results(server):
    """There is a warning, and it is not called again; the debug callback is."""
    calls: List[Any] = []
    lines: List[str] = []

    def watch(event):
        calls.append(event)
        raise RuntimeError("no more")

    with pytest.warns(RuntimeWarning, match="the watch callback failed"):
        result = BatchProcessor(BATCH, clock=CLOCK)(debug=lines.append, watch=watch)

    assert references(result) == [0, 1]
    assert len(calls) == 1
    assert lines


def test_a_dry_run_is_not_watched():
    """There are no events in it."""
    events: List[Any] = []
    BatchProcessor(BATCH)(dry_run=True, watch=events.append)

    assert not events


def test_iterations_that_fail_raise_nothing(server):
    """They are in the document (ADR 14)."""
    server.post(f"{ROOT}/tasks").respond(403, text="forbidden by limits")
    (first, _) = BatchProcessor(BATCH, clock=CLOCK)()["jobs"][0]["results"]

    assert (first["runs"], first["succeeded"]) == ([], False)
    assert "forbidden by limits" in first["error"]


def test_a_host_that_cannot_be_reached_is_a_failure_like_any_other():
    """No lead was named, so the message says to do so (ADR 12)."""
    with respx.mock as router:
        router.get(url__startswith=f"{ROOT}/tests/").respond(json={"participants": [None]})
        router.post(f"{ROOT}/tasks").mock(side_effect=httpx.ConnectError("refused"))
        (first, _) = BatchProcessor(BATCH, clock=CLOCK)()["jobs"][0]["results"]

    assert "--lead" in first["error"]


def test_continue_if_that_fails_raises_with_the_document(server):
    """Everything obtained until then is in it (ADR 16)."""
    job = {"label": "a", "task": TASK, "continue-if": {"script": "3"}}
    with pytest.raises(EndedError) as caught:
        BatchProcessor({"schema": 2, "jobs": [job, job]}, clock=CLOCK)()

    assert 'At /jobs/0/continue-if, after "a": the script returned 3, expected true or false' in str(caught.value)
    assert isinstance(caught.value.__cause__, TransformError)
    assert [len(item["results"]) for item in caught.value.document["jobs"]] == [1, 0]
    assert "continue-if" in caught.value.document["batch"]["error"]


def test_continue_if_false_raises_nothing(server):
    """The batch ended normally."""
    job = {"label": "a", "task": TASK, "continue-if": {"script": "false"}}
    document = BatchProcessor({"schema": 2, "jobs": [job, job]}, clock=CLOCK)()

    assert [len(item["results"]) for item in document["jobs"]] == [1, 0]
    assert "error" not in document["batch"]


def test_the_document_says_when_the_batch_was_run(server):
    """Start, end and duration."""

    assert BatchProcessor(BATCH, clock=CLOCK)()["batch"] == {
        "start": "2026-03-01T12:00:00+00:00",
        "end": "2026-03-01T12:00:00+00:00",
        "duration": "P0D",
    }


def test_the_document_can_be_had_in_pieces(server):
    """So that it is never in memory as a whole; it is the same to the byte."""

    async def run():
        processor = AsyncBatchProcessor(BATCH, clock=CLOCK)
        outcome = await processor.run(processor.plan())
        return processor.document(outcome), "".join(processor.document_pieces(outcome))

    document, text = asyncio.run(run())

    assert text == json.dumps(document, indent=2) + "\n"
    assert len(document["jobs"][0]["results"]) == 2


def test_a_batch_that_is_wrong_is_refused_when_it_is_read():
    """Before it is called."""

    with pytest.raises(InputError, match=r"^batch\.json: At /jobs/0"):
        BatchProcessor({"jobs": [3]}, source="batch.json")


def test_a_task_that_is_wrong_is_refused_before_anything_is_sent():
    """Even if other jobs are right."""
    with respx.mock, pytest.raises(InputError, match=r"At /jobs/1/task"):
        BatchProcessor({"jobs": [{"task": TASK}, {"task": {}}]})()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_parallel": 0}, r"^invalid max_parallel: 0; it is an integer of 1 or more, or None for no limit$"),
        ({"max_parallel": 2.5}, "invalid max_parallel"),
        ({"max_parallel": True}, "invalid max_parallel"),
        ({"shuffle": -1}, r"^invalid shuffle: -1; it is a seed of up to 15 digits, True for a new one, or False$"),
        ({"shuffle": 10**15}, "invalid shuffle"),
        ({"shuffle": "7"}, "invalid shuffle"),
        ({"retries": -1}, "invalid retries"),
        ({"max_connections": 0}, r"^invalid max_connections: 0; it is an integer of 1 or more$"),
        ({"max_connections": 2.5}, "invalid max_connections"),
        ({"settings": Settings(), "lead": "ps1.example.net"}, "as one value or by their names, not both"),
        ({"settings": Settings(), "verify_tls": True}, "as one value or by their names, not both"),
        ({"timeout": 30}, r"^invalid timeout: 30; it is a positive timedelta$"),
        ({"timeout": timedelta(0)}, "invalid timeout"),
        ({"resume": True}, r"^resume requires a journal$"),
    ],
)
def test_a_wrong_option_is_refused_at_once(option, message):
    """With a limit of 0, the batch would never end."""

    with pytest.raises(ValueError, match=message):
        BatchProcessor(BATCH, **option)


def test_too_many_iterations_are_refused():
    """The limit is an option."""

    with pytest.raises(InputError, match="at most 1 are allowed"):
        BatchProcessor(BATCH, max_iterations=1)(dry_run=True)


def test_a_host_that_is_none_is_refused():
    """With its name."""

    with pytest.raises(BatchError, match='"https://x" is not a host'):
        BatchProcessor(BATCH, lead="https://x")()


def test_certificates_that_cannot_be_read_are_refused(tmp_path):
    """With the name of the file."""

    with pytest.raises(BatchError, match=r"none\.pem"):
        BatchProcessor(BATCH, ca_file=str(tmp_path / "none.pem"))()


def test_options_that_do_not_exist_are_refused():
    """Like any function."""

    with pytest.raises(TypeError, match="unexpected keyword"):
        BatchProcessor(BATCH, no_such_option=1)


def test_one_host_can_be_told_to_do_it_all(server):
    """Whatever the task's participants; for the embedded server."""
    server.get(url__startswith=f"{ROOT}/tests/").respond(json={"participants": ["elsewhere.example.net"]})
    processor = AsyncBatchProcessor(BATCH, clock=CLOCK)
    asyncio.run(processor.run(processor.plan(), only=HOST))

    assert len(posted(server)) == 2


def test_expectations_are_judged(server):
    """The outcome is in the batch pair, also when the processor is called again."""
    processor = BatchProcessor(BATCH, expect=["a: idle-time < 1 s", "a: max(idle-time) = 0"], clock=CLOCK)
    first, second = (processor()["batch"]["expectations"] for _ in range(2))

    assert server.calls
    assert first == second
    assert [(judged["expectation"], judged["met"], judged["found"]) for judged in first] == [
        ("a: idle-time < 1 s", False, "no data in 2 runs"),
        ("a: max(idle-time) = 0", False, "no data in 2 runs"),
    ]
    assert "expectations" not in BatchProcessor(BATCH, clock=CLOCK)()["batch"]
    alone = BatchProcessor(BATCH, expect="a: idle-time < 1 s", clock=CLOCK)
    assert alone()["batch"]["expectations"] == first[:1]


@pytest.mark.parametrize(
    ("expect", "column"), [("a: idle-tim < 1 s", 4), ("a: idle-time < 1 Gb/s", 18), ("b: idle-time < 1 s", 1)]
)
def test_a_wrong_expectation_raises_before_anything_is_sent(server, expect, column):
    """An InputError with the number of the expectation as its line."""
    with pytest.raises(InputError) as caught:
        BatchProcessor(BATCH, expect=["idle-time > 0", expect])()

    assert [(problem.line, problem.column) for problem in caught.value.problems] == [(2, column)]
    assert str(caught.value).startswith(f"expect: At / (line 2, column {column}): ")
    assert not server.calls


def test_results_survive_a_bug_in_judging(server, monkeypatch):
    """They are in the document of the error."""

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("pscheduler_batch.processor.judgments_of", fail)
    with pytest.raises(EndedError) as caught:
        BatchProcessor(BATCH, expect=["idle-time > 0"])()

    assert server.calls
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert references(caught.value.document)


def test_each_result_is_passed_on(server):
    """With what the output has of it, and with the rows that its output gives."""
    results: List[Result] = []
    document = BatchProcessor(BATCH, clock=CLOCK)(on_result=results.append)

    assert [(each.job, each.iteration, each.label, each.succeeded, each.error) for each in results] == [
        (0, 0, "a/0", True, None),
        (0, 1, "a/1", True, None),
    ]
    assert [each.document() for each in results] == document["jobs"][0]["results"]
    assert [row for each in results for row in each.rows()] == list(read_runs(document))


def test_a_result_is_passed_on_when_its_iteration_ends(server):
    """Before the batch has ended."""
    order: List[str] = []
    BatchProcessor(BATCH, clock=CLOCK)(
        on_result=lambda result: order.append(result.label), watch=lambda event: order.append(type(event).__name__)
    )

    assert order.index("a/1") < order.index("JobEnded")
    assert order[order.index("a/0") - 1] == "IterationEnded"


def test_a_result_that_failed_is_passed_on(server):
    """With its error."""
    server.post(f"{ROOT}/tasks").respond(403, text="forbidden by limits")
    results: List[Result] = []
    document = BatchProcessor(BATCH, clock=CLOCK)(on_result=results.append)

    assert [each.error for each in results] == [each["error"] for each in document["jobs"][0]["results"]]
    assert [(each.succeeded, "forbidden by limits" in str(each.error)) for each in results] == [(False, True)] * 2
    assert [row.reason for row in results[0].rows()] == [results[0].error]


def test_results_show_no_secrets(server):
    """Neither printed nor in rows; the document has the task as it was given."""
    results: List[Result] = []
    BatchProcessor({"jobs": [{"label": "abc-secret", "task": TASK}]}, clock=CLOCK)(on_result=results.append)

    assert "abc-secret" not in repr(results)
    assert "abc-secret" not in repr(results[0].rows())
    assert results[0].document()["task"]["_key"] == "abc-secret"


def test_a_result_can_be_changed(server):
    """It is another object each time that it is read."""

    def clear(result):
        result.document()["task"].clear()

    document = BatchProcessor(BATCH, clock=CLOCK)(on_result=clear)

    assert references(document) == [0, 1]


def test_an_on_result_that_raises_costs_no_result(server):
    """There is a warning, and it is not called again."""
    called: List[Result] = []

    def fail(result):
        called.append(result)
        raise ZeroDivisionError

    with pytest.warns(RuntimeWarning, match="the on_result callback failed"):
        document = BatchProcessor(BATCH, clock=CLOCK)(on_result=fail)

    assert references(document) == [0, 1]
    assert len(called) == 1


def test_a_coroutine_function_as_on_result_is_refused(server):
    """Before anything is sent, as its results would be lost."""

    async def on_result(_result):
        pass

    with pytest.raises(TypeError, match=r"iterate over results\(\)"):
        BatchProcessor(BATCH, clock=CLOCK)(on_result=on_result)
    assert not server.calls


def test_a_dry_run_has_no_results(server):
    """Nothing is passed on."""
    results: List[Result] = []
    BatchProcessor(BATCH)(dry_run=True, on_result=results.append)

    assert not results


def test_results_of_an_earlier_try_are_passed_on(server, tmp_path):
    """A batch that is resumed passes on every result."""
    labels: List[str] = []
    options: Dict[str, Any] = {"journal": str(tmp_path / "journal"), "clock": CLOCK}
    BatchProcessor(BATCH, **options)()
    sent = len(server.calls)
    BatchProcessor(BATCH, resume=True, **options)(on_result=lambda result: labels.append(result.label))

    assert labels == ["a/0", "a/1"]
    assert len(server.calls) == sent


def test_results_can_be_iterated_over(server):
    """The document is there after the last one."""

    async def program():
        labels, documents = [], []
        results = AsyncBatchProcessor(BATCH, clock=CLOCK).results()
        async for result in results:
            labels.append(result.label)
            documents.append(results.document)
        return labels, documents, results.document

    labels, documents, document = asyncio.run(program())

    assert labels == ["a/0", "a/1"]
    assert documents == [None, None]
    assert references(document) == [0, 1]


def test_an_iteration_over_results_raises_what_a_call_does(server):
    """After the last result; an error in the batch before the first."""
    batch = {"schema": 2, "jobs": [{"task": TASK, "continue-if": {"script": "1"}}]}
    labels: List[str] = []

    async def program(batch):
        async for result in AsyncBatchProcessor(batch, clock=CLOCK).results():
            labels.append(result.label)  # noqa: PERF401 - those before the error are wanted, too

    with pytest.raises(EndedError) as caught:
        asyncio.run(program(batch))
    with pytest.raises(InputError):
        asyncio.run(program({"jobs": [{"task": {}}]}))

    assert labels == ["job-0/0"]
    assert caught.value.document["jobs"][0]["results"]


def test_all_requests_can_go_to_one_host(monkeypatch):
    """Whatever the participants; for the embedded server."""
    monkeypatch.setenv("PSCHEDULER_LOCALHOST", "elsewhere.example.net")
    with respx.mock as router:
        router.get(url__startswith=f"{ROOT}/tests/").respond(json={"participants": ["elsewhere.example.net"]})
        post = router.post(f"{ROOT}/tasks").respond(403, text="no")
        BatchProcessor(BATCH, clock=CLOCK)(only=HOST)

    assert post.call_count == 2


def test_serial_iterations_can_be_shuffled(server):
    """By a seed, or a new one in each call; the output has the order, and results stay in theirs."""
    batch = {"jobs": [{**BATCH["jobs"][0], "iterations": 8}]}
    result = BatchProcessor(batch, shuffle=7, clock=CLOCK)()
    order = result["batch"]["shuffle"]["orders"][0]
    again = BatchProcessor(batch, shuffle=True, clock=CLOCK)

    assert [task["reference"] for task in posted(server)] == order == [5, 1, 6, 2, 3, 0, 7, 4]
    assert references(result) == list(range(8))
    assert len({str(again(dry_run=True)["batch"]["shuffle"]) for _ in range(9)}) > 1
    assert "shuffle" not in BatchProcessor(batch, clock=CLOCK)()["batch"]


def test_a_resumed_batch_keeps_its_seed(server, tmp_path):
    """Another seed is an error, and no seed at all is another batch."""
    options: Dict[str, Any] = {"journal": str(tmp_path / "journal"), "clock": CLOCK}
    first = BatchProcessor(BATCH, shuffle=7, **options)()
    again = BatchProcessor(BATCH, shuffle=True, resume=True, **options)()

    assert again["batch"]["shuffle"] == first["batch"]["shuffle"]
    with pytest.raises(BatchError, match="of a batch with the seed 7, not 8; resume it with --shuffle alone"):
        BatchProcessor(BATCH, shuffle=8, resume=True, **options)()
    with pytest.raises(BatchError, match="of other options"):
        BatchProcessor(BATCH, resume=True, **options)()
