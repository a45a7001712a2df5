from __future__ import annotations

import asyncio
import json
import re
import ssl

import httpx
import pytest

from pscheduler_batch.embedded.faults.garbling import WEB_PAGE, cut_off, of_another_type, web_page, without
from pscheduler_batch.embedded.faults.rules import Faults, Rule
from pscheduler_batch.embedded.server import EmbeddedServer
from tests.support.embedded_bench import TESTS, nap_task


@pytest.fixture
def server():
    """The server on real sockets."""
    with EmbeddedServer(tests=TESTS) as server:
        yield server


@pytest.fixture
def client(server):
    """A client of that server."""
    with httpx.Client(verify=ssl.create_default_context(cafile=server.ca_file), timeout=20) as client:
        yield client


# Only what hangs is waited for so long; everything before it has as much time as it needs on a busy machine.
HANGS = httpx.Timeout(20, read=1)


def statuses(bench, times, method="GET", url="api", **kwargs):
    """Make a request several times; give the status of each answer."""
    return [bench.request(method, url, **kwargs).status_code for _ in range(times)]


def test_requests_can_be_refused(bench):
    """The status, the body and its type are the test's own, and uses are counted."""
    rule = bench.state.faults.refuse("tasks", 403, "<p>no</p>", content_type="text/html", method="POST")
    reply = bench.request("POST", "tasks", json=nap_task())

    assert (reply.status_code, reply.headers["content-type"], reply.text) == (403, "text/html", "<p>no</p>")
    assert reply.headers["connection"] == "close"
    assert bench.get("tasks").json() == []
    assert rule.uses == 1
    assert len(bench.state.requests) == 2


def test_a_fault_can_be_for_some_times_only(bench):
    """Afterwards the server answers as usual."""
    bench.state.faults.refuse("api", 502, "", times=2)

    assert [bench.get("api").status_code for _ in range(3)] == [502, 502, 200]


def test_a_fault_can_be_for_a_later_request(bench):
    """Those before it are answered as usual, and only requests that match count."""
    rule = bench.state.faults.refuse("api", 502, "", method="GET", after=1, times=2)
    statuses(bench, 3, url="hostname")
    statuses(bench, 3, method="DELETE")

    assert statuses(bench, 5) == [200, 502, 502, 200, 200]
    assert (rule.seen, rule.uses) == (5, 2)


def test_requests_that_another_fault_takes_count_too(bench):
    """So "the second one" is the second that the client makes, whatever happened to the first."""
    bench.state.faults.refuse("api", 501, "", times=1)
    bench.state.faults.refuse("api", 502, "", after=1, times=1)

    assert statuses(bench, 3) == [501, 502, 200]


def test_a_fault_can_be_for_one_task(bench):
    """The task as it was posted says so, in its POST and in everything that is about it."""
    faults = bench.state.faults
    rule = faults.refuse("tasks*", 502, "", task=lambda task: task["test"]["spec"].get("data") == 1, after=1)
    meant, other = (bench.post(nap_task(spec={"data": number, "_secret": "x"})) for number in (1, 2))

    assert statuses(bench, 1, url=meant) + statuses(bench, 1, "DELETE", meant) == [502, 502]
    assert statuses(bench, 1, "POST", "tasks", json=nap_task(spec={"data": 1})) == [502]
    assert statuses(bench, 1, url=f"{meant}/runs/first?wait=0") == [502]
    assert statuses(bench, 1, url=other) == statuses(bench, 1, url="tasks") == statuses(bench, 1) == [200]
    assert statuses(bench, 1, url="tasks/00000000-0000-4000-8000-000000000000") == [404]
    assert rule.uses == 4


def test_a_fault_can_be_for_a_task_by_its_name(bench):
    """Its identifier or its URL."""
    one, two, three = (bench.post(nap_task()) for _ in range(3))
    bench.state.faults.refuse("*", 501, "", task=one)
    bench.state.faults.refuse("*", 502, "", task=two.rpartition("/")[2])

    assert [statuses(bench, 1, url=task) for task in (one, two, three)] == [[501], [502], [200]]


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"7"])
def test_what_is_posted_and_is_no_task_is_for_no_tasks_fault(bench, body):
    """The server says itself what is wrong."""
    bench.state.faults.refuse("tasks", 418, "", task=lambda _task: True)

    assert statuses(bench, 1, "POST", "tasks", content=body)[0] in {400, 500}


def test_a_long_body_reaches_the_application_whole(client, server):
    """It comes in many parts, which are read before a fault is looked for."""
    server.state.faults.refuse("tasks", 418, "", task=lambda task: task["test"]["type"] == "other")
    task = nap_task(reference={"filler": "x" * 300_000})

    assert client.post(f"{server.url}/tasks", json=task).status_code == 200
    assert server.state.tasks_marked({"filler": "x" * 300_000})


def test_the_first_fault_that_matches_wins(bench):
    """A used-up one makes room for the next."""
    bench.state.faults.refuse("api", 500, "", times=1)
    bench.state.faults.refuse("*", 503, "")

    assert [bench.get("api").status_code for _ in range(2)] == [500, 503]
    bench.state.faults.clear()
    assert bench.get("api").status_code == 200


def test_a_fault_can_do_anything_with_a_request(bench):
    """Its action is handed the application, so it can change what the server says."""

    async def hush(app, scope, receive, send):
        async def send_hushed(message):
            if message["type"] == "http.response.body":
                message = {**message, "body": message["body"].replace(b"6", b"?")}
            await send(message)

        await app(scope, receive, send_hushed)

    bench.state.faults.add(Rule("api", hush))

    assert bench.get("api").text == "?\n"


def test_an_answer_can_be_late(bench):
    """It is the usual one."""
    bench.state.faults.delay("api", 5, times=1)

    assert (bench.get("api").json(), bench.elapsed) == (6, pytest.approx(5))
    assert (bench.get("api").json(), bench.elapsed) == (6, 0)


@pytest.mark.parametrize(("done", "expected"), [(False, 0), (True, 1)])
def test_what_is_asked_for_can_be_done_before_or_after_a_delay(bench, done, expected):
    """A client that leaves meanwhile finds different things."""
    bench.state.faults.delay("tasks", 5, done=done)
    posting = asyncio.ensure_future(bench._client.post("tasks", json=nap_task()), loop=bench.loop)
    bench.wait(4)
    assert len(bench.state.tasks) == expected

    assert bench.loop.run_until_complete(posting).status_code == 200


def test_a_body_can_be_slow(bench):
    """It is whole in the end."""
    bench.state.faults.slow("tests", 40)
    reply = bench.get("tests")

    assert reply.json()[0].endswith("/nap")
    assert bench.elapsed == pytest.approx(len(reply.content) / 40, abs=0.1)


def test_a_body_can_be_slower_than_a_byte_a_second(bench):
    """No empty portion is sent."""
    bench.state.faults.slow("api", 0.5)

    assert (bench.get("api").json(), bench.elapsed) == (6, pytest.approx(4))


@pytest.mark.parametrize("sent", ["nothing", "head", "half"])
@pytest.mark.parametrize("fault", ["hang", "reset"])
def test_an_answer_can_end_too_soon(client, server, fault, sent):
    """After nothing, after the head, or in the middle of the body; then it hangs, or the connection breaks off."""
    error = httpx.ReadTimeout if fault == "hang" else httpx.TransportError
    rule = getattr(server.state.faults, fault)("tests", sent=sent, times=1)
    got = []

    def read():
        with client.stream("GET", f"{server.url}/tests", timeout=HANGS) as reply:
            got.append(reply.status_code)
            got.extend(reply.iter_raw())

    with pytest.raises(error) as caught:
        read()
    whole = client.get(f"{server.url}/tests").content

    assert got == {"nothing": [], "head": [200], "half": [200, whole[: len(whole) // 2]]}[sent]
    assert (fault == "hang") == isinstance(caught.value, httpx.ReadTimeout)
    assert rule.uses == 1


@pytest.mark.parametrize(
    ("wanted", "expected"), [({}, 0), ({"done": True}, 1), ({"sent": "head"}, 1), ({"sent": "half"}, 1)]
)
@pytest.mark.parametrize("fault", ["hang", "reset"])
def test_what_is_asked_for_is_done_or_not(client, server, fault, wanted, expected):
    """A lost answer does not say which; where some of it is sent, it is done."""
    getattr(server.state.faults, fault)("tasks", method="POST", **wanted)
    with pytest.raises(httpx.TransportError):
        client.post(f"{server.url}/tasks", json=nap_task(), timeout=HANGS)

    assert len(server.state.tasks) == expected


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (without("a"), {"a": 1, "b": [{"a": 2, "c": 3}]}, {"b": [{"c": 3}]}),
        (of_another_type("a"), {"a": "x", "b": [{"a": [5], "c": 3}]}, {"a": 7, "b": [{"a": {"0": 5}, "c": 3}]}),
        (of_another_type("a"), {"a": None, "b": {"a": {"c": True}}}, {"a": "None", "b": {"a": [True]}}),
        (of_another_type(), {"a": [None]}, [[None]]),
        (of_another_type(), "https://ps.example.net/", 7),
        (of_another_type(), 6, "6"),
    ],
)
def test_json_can_lack_pairs_and_have_other_types(change, before, after):
    """At all depths for the names that are given, at the top where none are."""

    assert json.loads(change(json.dumps(before).encode())) == after


def test_json_can_be_cut_off(bench):
    """It is none any more, though its media type says so."""
    bench.state.faults.garble("tests", cut_off)
    reply = bench.get("tests")

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_a_web_page_can_come_instead_of_json(bench):
    """With 200, as from a proxy; what was asked for is done nevertheless."""
    bench.state.faults.garble("tasks", web_page, content_type="text/html; charset=utf-8")
    reply = bench.request("POST", "tasks", json=nap_task())

    assert (reply.status_code, reply.text) == (200, WEB_PAGE)
    assert reply.headers.get_list("content-type") == ["text/html; charset=utf-8"]
    assert len(bench.state.tasks) == 1


def test_an_answer_can_be_garbled(bench):
    """Its length is that of the new body."""
    bench.state.faults.garble("api", lambda body: body + b"{", method="GET")
    reply = bench.get("api")

    assert (reply.status_code, reply.text, reply.headers.get_list("content-length")) == (200, "6\n{", ["3"])
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("where", "path", "query", "matches"),
    [
        ("tasks", "/pscheduler/tasks", "", True),
        ("/tasks", "/pscheduler/tasks", "expanded", True),
        ("tasks", "/pscheduler/tasks/1", "", False),
        ("tasks/*", "/pscheduler/tasks/1/runs/first", "", True),
        ("tasks/*/runs/first", "/pscheduler/tasks/1/runs/first", "wait=5", True),
        ("tasks/*/runs/first", "/pscheduler/tasks/1/runs/next", "", False),
        ("", "/pscheduler", "", True),
        (re.compile("wait-merged"), "/pscheduler/tasks/1/runs/2", "wait-merged=true", True),
        (re.compile("^/tasks$"), "/pscheduler/tasks", "", True),
        (re.compile("^/tasks$"), "/pscheduler/tasks", "json=1", False),
    ],
)
def test_a_fault_is_found_by_pattern_or_expression(where, path, query, matches):
    """Patterns are for the whole path below the root, expressions for a part of path and query."""
    faults = Faults()
    rule = faults.refuse(where, 500, "")

    assert (faults.find("GET", path, query) is rule) == matches
    assert rule.uses == int(matches)
