"""What the servers have to say about a batch before it is run."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.http.response import Reply
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import render_summary, render_text
from pscheduler_batch.planning.server_check import check_on_servers
from pscheduler_batch.scheduler.hosts import Hosts
from tests.support.clients import a_client, make_client
from tests.support.server import FakeServer

HOSTS = Hosts("assist", "lead", lead_named=True, assist_bind="192.0.2.1", bind="192.0.2.2")
RTT = {"test": {"type": "rtt", "spec": {"dest": "a"}}}
TOO_LONG = Reply(414, {"content-type": "text/html"}, b"<h1>Request-URI Too Long</h1>")


def said(value, status=200):
    """Make an answer."""
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def key_of(request):
    """Return the host of a request and the end of the path, by which answers are known."""
    parts = urlsplit(request.url)
    return f"{parts.netloc}/{parts.path.rpartition('/')[2]}"


def servers_with(**changed):
    """Make servers that know three tests; the answers can be changed."""
    answers = {
        "assist/tests": said([f"https://assist/pscheduler/tests/{name}" for name in ("idle", "rtt", "throughput")]),
        "assist/is-valid": said({"valid": True}),
        "assist/participants": said({"participants": [None]}),
        "lead/hostname": said("lead.example.net"),
        "other/hostname": said("other.example.net"),
        **changed,
    }

    def answer(request):
        known = answers.get(key_of(request))
        if callable(known):
            known = known(json.loads(parse_qs(urlsplit(request.url).query)["spec"][0]))
        if known is not None:
            return known
        url = request.url.partition("?")[0]
        return UnreachableError("no such host", doing=request.doing, url=url, transient=False)

    return FakeServer(answer, takes=lambda _request: 0.1)


def asked(servers):
    """Return how, what and from which address the servers were asked."""
    return [(request.method, key_of(request), request.bind) for request in servers.requests]


def ask(servers, *jobs, hosts=HOSTS):
    """Check a batch of some jobs with servers; each has the same task unless it says otherwise."""
    batch = {"schema": 3, "jobs": [{"task": RTT, **job} for job in jobs]}
    checked = check_batch(json.dumps(batch, indent=1).encode(), source="a.json", with_questions=True)
    client = make_client(servers, max_connections=2)
    return checked.with_problems(asyncio.run(check_on_servers(checked.questions, client, hosts)))


def lines_of(checked):
    """Return the first line of each problem, without its place in the text."""
    return [f"{p.severity} {p.where}{p.during and ', ' + p.during}: {p.reason}" for p in checked.problems]


def test_a_batch_that_the_servers_agree_with_is_right():
    """Each test is asked about once, each host comes from the address that it should, and nothing is posted."""
    servers = servers_with()
    checked = ask(servers, {"iterations": 50}, {})

    assert checked.valid
    assert asked(servers) == [
        ("GET", "assist/tests", "192.0.2.1"),
        ("GET", "assist/is-valid", "192.0.2.1"),
        ("GET", "assist/participants", "192.0.2.1"),
        ("GET", "lead/hostname", "192.0.2.2"),
    ]


def test_two_questions_are_asked_about_each_specification_and_no_more():
    """Whether it is valid, and who takes part, as either depends on all of it; which tests there are is asked once."""
    servers = servers_with()
    sweep = {"script": ".test.spec.count = $iteration"}
    ask(servers, {"iterations": 50, "task-transform": sweep}, {"iterations": 50, "task-transform": sweep})
    counted = Counter(key for _, key, _ in asked(servers))

    assert counted == {"assist/tests": 1, "assist/is-valid": 50, "assist/participants": 50, "lead/hostname": 1}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("rtts", 'the assist assist has no test "rtts"; did you mean "rtt"?'),
        ("dns", 'the assist assist has no test "dns"; its tests are idle, rtt and throughput'),
        ("\x1b[31m", 'the assist assist has no test "\\u001b[31m"; its tests are idle, rtt and throughput'),
    ],
)
def test_a_test_that_the_assist_does_not_have_is_told(kind, told):
    """With what may have been meant, at every place where it is wanted."""
    job = {"task": {"test": {"type": kind, "spec": {}}}}

    assert lines_of(ask(servers_with(), job, {}, job)) == [
        f"error /jobs/0/task/test/type: {told}",
        f"error /jobs/2/task/test/type: {told}",
    ]


def test_a_specification_that_is_not_valid_is_told_at_the_place_that_the_server_names():
    """As recording b41 has it."""
    refusal = said({"valid": False, "error": "At /dest: 'a' is too short."})
    checked = ask(servers_with(**{"assist/is-valid": refusal}), {})

    assert render_text(checked).split("\n") == [
        "a.json:9:15: error: /jobs/0/task/test/spec/dest: the assist assist refuses this: 'a' is too short.",
        '          "dest": "a"',
        "                  ^^^",
    ]


@pytest.mark.parametrize("error", ["At /nowhere: no", "At /: no", "no", "At nothing", "\n no \x1b"])
def test_a_refusal_that_names_no_place_is_told_of_the_whole_specification(error):
    """In the server's words, of which no terminal obeys any."""
    checked = ask(servers_with(**{"assist/is-valid": said({"valid": False, "error": error})}), {})
    (problem,) = checked.problems

    assert problem.where == "/jobs/0/task/test/spec"
    assert problem.reason.startswith("the assist assist refuses this: ")
    assert problem.reason.isprintable()


@pytest.mark.parametrize(
    "answer", [{"valid": False}, {"valid": False, "error": None}, {"valid": False, "error": ["x"]}]
)
def test_a_refusal_without_a_reason_is_a_refusal(answer):
    """There is nothing more to tell."""
    assert lines_of(ask(servers_with(**{"assist/is-valid": said(answer)}), {})) == [
        "error /jobs/0/task/test/spec: the assist assist refuses this: no reason given"
    ]


@pytest.mark.parametrize(
    "answer", [TOO_LONG, said("busy", 503), said({}), said({"valid": 1}), Reply(200, {}, b"<html>"), None]
)
def test_what_could_not_be_found_out_is_a_warning(answer):
    """The participants are asked for all the same."""
    servers = servers_with(**{"assist/is-valid": answer})
    checked = ask(servers, {})

    assert checked.valid
    assert next(p.reason for p in checked.warnings).startswith("could not check whether the specification is valid: ")
    assert ("GET", "lead/hostname", "192.0.2.2") in asked(servers)


LONG = "the specification, which has 13 characters, is too long to ask about (the server answered 414)"


def test_a_specification_that_is_too_long_for_a_question_is_told_so():
    """The web server in front of pScheduler answers 414 (recording b39); a run would come to the same."""
    checked = ask(servers_with(**{"assist/is-valid": TOO_LONG, "assist/participants": TOO_LONG}), {})

    assert lines_of(checked) == [
        f"error /jobs/0/task/test: could not find out who takes part in the test: {LONG}",
        f"warning /jobs/0/task/test/spec: could not check whether the specification is valid: {LONG}",
    ]


@pytest.mark.parametrize(
    "answer",
    [said("no", 400), said({"participants": []}), said({"participants": ["no host/"]}), said("Internal problem", 500)],
)
def test_a_test_of_which_nobody_knows_who_takes_part_is_wrong(answer):
    """A run would begin with that question."""
    checked = ask(servers_with(**{"assist/participants": answer}), {})

    assert [problem.where for problem in checked.errors] == ["/jobs/0/task/test"]


def test_a_lead_that_is_not_there_is_told_wherever_it_would_lead():
    """It is asked once."""
    servers = servers_with(**{"assist/participants": said({"participants": ["gone"]})})
    checked = ask(servers, {}, {"task": {"test": {"type": "idle", "spec": {}}}})

    assert lines_of(checked) == [
        f"error /jobs/{number}/task/test: gone, which would lead the test, cannot be used: cannot reach "
        "https://gone/pscheduler/hostname: no such host"
        for number in range(2)
    ]
    assert len([key for _, key, _ in asked(servers) if key == "gone/hostname"]) == 1


@pytest.mark.parametrize("answer", [said("nothing here", 404), said({"a": 1}), Reply(200, {}, b"<h1>Welcome</h1>")])
def test_a_lead_without_pscheduler_is_told(answer):
    """Some other web server may answer there."""
    checked = ask(servers_with(**{"lead/hostname": answer}), {})

    assert [problem.where for problem in checked.errors] == ["/jobs/0/task/test"]


def test_a_lead_that_nobody_named_is_told_to_be_named():
    """It is this host, for want of another (ADR 12)."""
    hosts = Hosts("assist", "here", lead_named=False)
    (problem,) = ask(servers_with(), {}, hosts=hosts).errors

    assert problem.reason.endswith("; that is this host: give a --lead that runs pScheduler")


def test_the_assist_is_not_asked_whether_it_is_there():
    """It has answered already."""
    servers = servers_with(**{"assist/participants": said({"participants": ["ASSIST:443"]})})

    assert ask(servers, {}).valid
    assert len(servers.requests) == 3


def test_another_participant_that_is_not_there_for_us_is_a_warning():
    """It is its lead that must reach it."""
    answer = said({"participants": ["lead", "other", "gone", "no host/"]})
    checked = ask(servers_with(**{"assist/participants": answer}), {})

    assert checked.valid
    assert [p.reason.partition(",")[0] for p in checked.warnings] == ["gone", "no host/"]


def test_an_assist_that_is_not_there_is_told_once():
    """Nothing else can be found out then."""
    servers = servers_with(**{"assist/tests": None})
    checked = ask(servers, {}, {"task": {"test": {"type": "idle", "spec": {}}}})

    assert lines_of(checked) == [
        "error /: cannot ask the assist assist: cannot reach https://assist/pscheduler/tests: no such host"
    ]
    assert len(servers.requests) == 1


@pytest.mark.parametrize("answer", [said({"tests": []}), said("no", 403), Reply(200, {}, b"<h1>Welcome</h1>")])
def test_an_assist_that_is_no_pscheduler_is_told(answer):
    """Some other web server may answer there."""
    (problem,) = ask(servers_with(**{"assist/tests": answer}), {}).problems

    assert problem.reason.startswith("cannot ask the assist assist: ")


def test_an_assist_that_nobody_named_is_told_to_be_named():
    """It is this host."""
    hosts = Hosts("here", "here", lead_named=False)
    (problem,) = ask(servers_with(), {}, hosts=hosts).problems

    assert problem.reason.endswith("; that is this host: give an --assist and a --lead that run pScheduler")


def test_what_transforms_have_made_of_a_test_is_shown():
    """It is not in the input; iterations that differ are told apart."""
    job = {"label": "x", "iterations": 3, "task-transform": {"script": ".test.spec.count = $iteration"}}

    def judge(spec):
        return said({"valid": spec["count"] != 1, "error": "At /count: no."})

    (problem,) = ask(servers_with(**{"assist/is-valid": judge}), job).problems

    assert (problem.where, problem.during) == ("/jobs/0/task/test/spec/count", 'iteration 1 of "x"')
    assert problem.reason.startswith("the assist assist refuses this: no. (after the transforms: ")
    assert problem.reason.endswith('{"type": "rtt", "spec": {"dest": "a", "count": 1}})')


def test_no_secret_is_told():
    """Servers may quote what they are asked about."""
    job = {
        "task": {"test": {"type": "rtt", "spec": {"_key": "swordfish"}}},
        "task-transform": {"script": ".test.spec.x = 1"},
    }
    quoting = said({"valid": False, "error": "At /_key: 'swordfish' is no key"})
    checked = ask(servers_with(**{"assist/is-valid": quoting}), job)

    assert not checked.valid
    assert "swordfish" not in repr(checked.problems)


def test_jobs_that_are_right_are_asked_about_where_others_are_wrong():
    """Everything is told at once."""
    misnamed = {"task": {"test": {"type": "rtts", "spec": {}}}}
    checked = ask(servers_with(), {"enabled": 1}, misnamed, {"task-transform": {"script": "{"}})

    assert [problem.where for problem in checked.errors] == [
        "/jobs/0/enabled",
        "/jobs/1/task/test/type",
        "/jobs/2/task-transform",
    ]


def test_so_many_questions_are_asked_at_once_and_no_more():
    """ADR 20."""
    servers = servers_with()
    checked = ask(servers, {"iterations": 100, "task-transform": {"script": ".test.spec.count = $iteration"}})

    assert checked.valid
    assert (len(servers.requests), servers.most_at_once) == (202, 2)


def test_nothing_is_asked_about_a_batch_without_tests():
    """Not even the assist need be there."""
    servers = servers_with()

    assert ask(servers, {"enabled": False}).valid
    assert servers.requests == []


def ask_embedded(pscheduler, *tasks):
    """Check a batch of some tasks with the embedded server."""

    async def run():
        async with a_client() as client:
            return await check_on_servers(checked.questions, client, hosts)

    hosts = Hosts(pscheduler.netloc, pscheduler.netloc, lead_named=True)
    batch = json.dumps({"jobs": [{"task": {"test": test}} for test in tasks]}).encode()
    checked = check_batch(batch, source="a.json", with_questions=True)
    return checked.with_problems(asyncio.run(run()))


def test_a_real_server_is_asked(pscheduler):
    """The embedded one, over its sockets."""
    right, wrong = ({"type": "idle", "spec": {"duration": duration}} for duration in ("PT1S", "x"))
    checked = ask_embedded(pscheduler, right, wrong, {"type": "idel", "spec": {}})

    assert [problem.where for problem in checked.errors] == [
        "/jobs/1/task/test/spec/duration",
        "/jobs/2/task/test/type",
    ]
    assert checked.errors[1].reason.endswith('did you mean "idle"?')


def test_a_real_server_agrees(pscheduler):
    """And that is said."""
    checked = ask_embedded(pscheduler, {"type": "idle", "spec": {"duration": "PT1S"}})

    assert render_summary(checked, asked=True) == "a.json: 1 job, 1 iteration: no errors, servers included"
