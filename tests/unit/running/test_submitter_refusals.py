"""The results of iterations when a server refuses a request, or its answer cannot be understood."""

from __future__ import annotations

import httpx
import pytest

from pscheduler_batch.output.document import error_of, render_result
from pscheduler_batch.scheduler.hosts import Hosts
from tests.support.wire import HOST, IDLE, submit

ASK = "GET /tests/idle/participants"
POST = "POST /tasks"
TASK_URL = "https://ps.example.net/pscheduler/tasks"
HTML = "text/html; charset=iso-8859-1"
THIS_HOST = Hosts(HOST, "this.example.net", lead_named=False)


def failure(wire, asked, *replies, **options) -> str:
    """Submit with other replies to one request, and return the failure as the output shows it."""
    server = wire()
    server.changed[asked] = list(replies)
    result = submit(server, **options)
    assert result.failure is not None
    error = error_of(result)
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            {"status": 400, "text": "Invalid task specification: no test\n"},
            " answered 400: Invalid task specification: no test",
        ),
        (
            {"status": 403, "text": "Task forbidden by limits:\n  all\n"},
            " answered 403: Task forbidden by limits:\n  all",
        ),
        ({"status": 422, "text": "No tool fits.\n\nps2:\n  none"}, " answered 422: No tool fits.\n\nps2:\n  none"),
        ({"status": 500, "text": "Unknown test plugin 'x'\n"}, " answered 500: Unknown test plugin 'x'"),
        ({"status": 500, "text": ""}, " answered 500: (empty body)"),
        (
            {"status": 502, "type": HTML, "text": "<title>502</title><p>Proxy &amp; co.</p>"},
            " answered 502: 502 Proxy & co.",
        ),
        (
            {"status": 303, "text": "", "headers": {"Location": f"{TASK_URL}/5f1c?detail"}},
            f" answered 303: a redirection to {TASK_URL}/5f1c, which is not followed",
        ),
        ({"text": "fine"}, " did not answer with JSON: fine"),
        ({"text": ""}, " did not answer with JSON: (empty body)"),
        ({"json": 42}, " did not give the URL of the task"),
        ({"json": None}, " did not give the URL of the task"),
        ({"json": "ftp://ps.example.net/tasks/1"}, " did not give the URL of the task"),
        ({"json": "file:///etc/passwd"}, " did not give the URL of the task"),
        ({"json": "tasks/1"}, " did not give the URL of the task"),
        ({"json": "https://[::1/x"}, " gave an invalid URL: https://[::1/x"),
    ],
)
def test_a_post_that_is_refused_says_so_in_the_servers_words(wire, reply, said):
    """The message is the step, the URL and the server's words."""
    message = failure(wire, POST, reply)

    assert message == f"posting the task: {TASK_URL}{said}"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"status": 400, "text": "'dest' is missing"}, " answered 400: 'dest' is missing"),
        ({"status": 414, "type": HTML, "text": "<h1>URI Too Long</h1>"}, " answered 414: URI Too Long"),
        ({"json": {}}, " did not name the participants"),
        ({"json": {"participants": []}}, " did not name the participants"),
        ({"json": {"participants": [5]}}, " did not name the participants"),
        ({"json": {"participants": [""]}}, " did not name the participants"),
        ({"json": ["a"]}, " did not name the participants"),
        ({"text": "<html>"}, " did not answer with JSON: (empty body)"),
    ],
)
def test_participants_that_cannot_be_found_are_a_failure(wire, reply, said):
    """Nothing is posted then."""
    message = failure(wire, ASK, reply)

    assert message == f"finding participants: https://ps.example.net/pscheduler/tests/idle/participants{said}"


@pytest.mark.parametrize("lead", ["no host/", "[::1", "host:99999", "https://x"])
def test_a_lead_that_is_no_host_is_the_servers_mistake(wire, lead):
    """The message says so; it is not reported as a bug."""
    message = failure(wire, ASK, {"json": {"participants": [lead]}})

    assert f'named an invalid participant: "{lead}" is not' in message


def test_an_unknown_test_is_named(wire):
    """The assist only says "Internal problem" [b36], but asked for the test it says that there is none [b03]."""
    server = wire()
    server.changed[ASK] = [{"status": 500, "text": "Internal problem"}]
    server.changed["GET /tests/idle"] = [{"status": 404, "text": 'No test "idle" is available.'}]

    result = submit(server)

    assert result.failure.message.endswith('/tests/idle answered 404: No test "idle" is available.')


def test_a_trouble_of_the_assist_that_has_the_test_is_reported_as_it_is(wire):
    """The test exists, so the first answer is reported."""
    server = wire()
    server.changed[ASK] = [{"status": 500, "text": "Internal problem"}]
    server.changed["GET /tests/idle"] = [{"json": {"name": "idle"}}]

    result = submit(server)

    assert result.failure.message.endswith("/participants answered 500: Internal problem")


def test_a_web_server_without_pscheduler_is_told_apart(wire):
    """Its 404 is HTML; pScheduler's never is."""
    page = {"status": 404, "type": HTML, "text": "<title>404</title><h1>Not Found</h1>"}
    server = wire()
    server.changed[ASK] = server.changed["GET /tests/idle"] = [page]

    result = submit(server)

    assert result.failure.message.endswith("/tests/idle answered 404: 404 Not Found (is that a pScheduler server?)")


@pytest.mark.parametrize("named", [True, False])
def test_without_pscheduler_on_this_host_a_lead_is_to_be_named(wire, named):
    """The message says so if no lead was named (ADR 12), whether the host has no server or another one."""
    hosts = Hosts(HOST, "this.example.net", lead_named=named)
    server = wire()
    server.broken[POST] = [httpx.ConnectError("refused")]

    unreachable = submit(server, hosts=hosts).failure.message
    no_pscheduler = failure(wire, POST, {"status": 404, "type": HTML, "text": "<h1>Not Found</h1>"}, hosts=hosts)

    assert ("name a --lead" in unreachable) is not named
    assert ("name a --lead" in no_pscheduler) is not named


def test_without_pscheduler_on_this_host_an_assist_is_to_be_named(wire):
    """If this host is asked for want of another, the message says what to name."""
    server = wire()
    server.broken[ASK] = [httpx.ConnectError("refused")]

    result = submit(server, hosts=Hosts("this.example.net", "this.example.net", lead_named=False))

    assert "name an --assist and a --lead" in result.failure.message


def test_another_host_without_pscheduler_is_not_this_host(wire):
    """The participant was named by the test, so naming a lead would not help."""
    server = wire()
    server.changed[ASK] = [{"json": {"participants": ["far.example.net"]}}]
    server.broken[POST] = [httpx.ConnectError("refused")]

    result = submit(server, hosts=THIS_HOST)

    assert result.failure.message.startswith("posting the task: cannot reach https://far.example.net/pscheduler/tasks:")
    assert "--lead" not in result.failure.message


SECRET = 'pa"ss wörd'
SECRET_TASK = {**IDLE, "_key": SECRET, "test": {"type": "idle", "spec": {"duration": "PT2S", "_token": "t0psecret"}}}
QUOTED = f"Invalid: {{'_key': '{SECRET}', \"_key\": \"pa\\\"ss w\\u00f6rd\", 'spec': {{'_token': 't0psecret'}}}}"


@pytest.mark.parametrize("asked", [ASK, POST, "GET /tasks/5f1c/runs/first", "GET /tasks/5f1c/runs/0a"])
@pytest.mark.parametrize("reply", [{"status": 400, "text": QUOTED}, {"text": QUOTED}])
def test_secrets_that_a_server_quotes_are_hidden(wire, asked, reply):
    """Values of names that begin with "_" are in no message and no debug line (ADR 18)."""
    told = []

    message = failure(wire, asked, reply, task=SECRET_TASK, told=told)

    everything = "\n".join([message, *told])
    assert "Invalid" in message
    assert [part for part in (SECRET, "w\\u00f6rd", "t0psecret") if part in everything] == []


def test_secrets_are_hidden_where_a_format_is_refused(wire):
    """That is a message too, although the iteration succeeded."""
    server = wire()
    server.changed["GET /tasks/5f1c/runs/0a/result?format=text/html"] = [{"status": 500, "text": QUOTED}]

    rendered = render_result(submit(server, task=SECRET_TASK))

    assert "t0psecret" not in rendered["runs"][0]["errors"]["text/html"]


def test_a_long_answer_is_trimmed_without_leaving_a_part_of_a_secret(wire):
    """Part of a secret could not be recognized any more."""
    message = failure(wire, POST, {"status": 400, "text": "word " * 799 + "t0psecret " * 50}, task=SECRET_TASK)

    assert len(message) < 4200
    assert "t0p" not in message


def test_secrets_of_the_spec_are_in_no_url_of_a_message(wire):
    """The specification is in the query of the first request, which messages omit."""
    server = wire()
    server.broken[ASK] = [httpx.ConnectError("refused")]

    result = submit(server, task=SECRET_TASK)

    assert result.failure.url == "https://ps.example.net/pscheduler/tests/idle/participants"
    assert "?" not in result.failure.message


def test_a_redirection_does_not_tell_the_spec(wire):
    """Its target has the same query as the request."""
    location = "https://ps.example.net/login?next=%7B%22_token%22%3A%22t0psecret%22%7D"
    message = failure(wire, ASK, {"status": 302, "text": "", "headers": {"Location": location}}, task=SECRET_TASK)

    assert message.endswith("a redirection to https://ps.example.net/login, which is not followed")
