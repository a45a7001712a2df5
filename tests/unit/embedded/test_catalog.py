from __future__ import annotations

import json

import pytest

from tests.support.embedded_bench import Bench

ROOT = "https://ps.example.net/pscheduler"
NAP = {"duration": "PT1S"}
NAP_DESCRIPTION = {
    "name": "nap",
    "schema": 1,
    "version": "1.0",
    "maintainer": {"href": "", "name": "pscheduler-batch", "email": ""},
    "description": "Take a nap",
    "scheduling-class": "background",
    "href": f"{ROOT}/tests/nap",
}


def test_the_root_without_its_slash_redirects(bench):
    """The redirection is permanent and names the whole URL (recording a02)."""
    reply = bench.request("GET", ROOT)

    assert (reply.status_code, reply.headers["location"]) == (308, f"{ROOT}/")
    assert f'<a href="{ROOT}/">{ROOT}/</a>' in reply.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", '"This is the pScheduler API server on ps.example.net (here)"\n'),
        ("api", "6\n"),
        ("hostname", '"here"\n'),
        ("clock", '{"time":"2026-03-01T06:00:00+00:00","synchronized":false,"source":"unknown"}\n'),
    ],
)
def test_the_server_tells_about_itself(bench, path, body):
    """The bodies are those of the recordings a01, a03, a05 and a07."""
    reply = bench.get(path)

    assert (reply.status_code, reply.headers["content-type"], reply.text) == (200, "application/json", body)


@pytest.mark.parametrize("path", ["nosuch", "stat", "api/", "tests/nap/nosuch"])
def test_an_unknown_page_is_404(bench, path):
    """The body is plain text (recordings a04 and a06)."""
    reply = bench.get(path)

    assert (reply.status_code, reply.text) == (404, "Resource not found.\n")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


def test_tests_are_listed_by_url_or_in_full(bench):
    """The names are in order; ``expanded`` gives the descriptions (recordings b01 and b04)."""
    assert bench.get("tests").json() == [f"{ROOT}/tests/{name}" for name in ("nap", "nap-alone", "naps")]
    assert bench.get("tests", expanded="true").json()[0] == NAP_DESCRIPTION
    assert bench.get("tests", expanded="perhaps").status_code == 500


def test_a_test_is_described(bench):
    """The keys come in the recorded order (b02)."""
    assert list(bench.get("tests/nap").json().items()) == list(NAP_DESCRIPTION.items())


@pytest.mark.parametrize(
    "path", ["tests/nosuchtest", "tests/nosuchtest/tools", "tests/nosuchtest/spec/is-valid?spec={}"]
)
def test_an_unknown_test_is_named_in_a_404(bench, path):
    """Everywhere but among the participants (recordings b03 and b42)."""
    reply = bench.get(path)

    assert (reply.status_code, reply.text) == (404, 'No test "nosuchtest" is available.\n')


@pytest.mark.parametrize(
    ("spec", "participants"),
    [
        (NAP, {"participants": [None], "null-reason": "No source specified"}),
        ({**NAP, "source": "a"}, {"participants": ["a"]}),
        ({**NAP, "source": "a", "source-node": "b:443"}, {"participants": ["b:443"]}),
    ],
)
def test_participants_are_named(bench, spec, participants):
    """A null comes with its reason (recordings b12 to b14)."""
    assert bench.get("tests/nap/participants", spec=json.dumps(spec)).json() == participants


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("tests/nap/participants", 400, "No test spec provided\n"),
        ("tests/nap/participants?spec={}", 400, "At /: 'duration' is a required property\n\n"),
        (
            "tests/nap/participants?spec={not json",
            400,
            "Invalid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n\n",
        ),
        ("tests/nosuchtest/participants?spec={}", 500, "Internal problem; see system logs.\n"),
    ],
)
def test_participants_that_cannot_be_named_are_refused(bench, path, status, text):
    """The refusals are those of the recordings b30, b33, b35 and b36."""
    reply = bench.get(path)

    assert (reply.status_code, reply.headers["content-type"], reply.text) == (status, "text/plain; charset=utf-8", text)


def test_a_url_of_eight_kilobytes_is_too_long(bench):
    """The web server answers itself, in HTML (recording b39); a little shorter is fine."""
    room = 8190 - len("GET /pscheduler/tests/nap/participants?spec= HTTP/1.1")
    fits = bench.request("GET", f"tests/nap/participants?spec={'y' * room}")
    reply = bench.request("GET", f"tests/nap/participants?spec={'y' * (room + 1)}")

    assert fits.status_code == 400
    assert (reply.status_code, reply.headers["content-type"]) == (414, "text/html; charset=iso-8859-1")
    assert "<title>414 Request-URI Too Long</title>" in reply.text


def test_a_specification_can_be_checked(bench):
    """Valid or not, the answer is 200 (recordings b40 and b41)."""
    bad = bench.get("tests/nap/spec/is-valid", spec='{"duration": "x"}')

    assert bench.get("tests/nap/spec/is-valid", spec=json.dumps(NAP)).text == '{"valid":true}\n'
    assert bad.text == '{"valid":false,"error":"At /duration: \'x\' is not a valid ISO 8601 duration."}\n'


def test_tools_are_those_of_the_tests(bench):
    """Every test has one tool, and a tool can have several tests (recording b43)."""
    assert bench.get("tests/nap/tools").json() == [f"{ROOT}/tools/bed"] == bench.get("tools").json()
    assert bench.get("tools/bed").json()["tests"] == ["nap", "nap-alone", "naps"]
    assert bench.get("tools/nosuch").text == 'No tool "nosuch" is available.\n'


def test_json_is_indented_on_request(bench):
    """With sorted names, and a space at the end of the lines, as pScheduler does it (recording n14)."""
    reply = bench.get("clock", pretty="")

    assert reply.text.startswith('{\n    "source": "unknown", \n    "synchronized": false, \n')
    assert bench.get("clock?pretty").text == reply.text
    assert bench.get("clock", pretty="perhaps").status_code == 500


def test_archivers_and_contexts_that_do_nothing_are_offered(bench):
    """Only these can be kept, as nothing is archived (recordings n15 to n21)."""
    assert bench.get("archivers").json() == [f"{ROOT}/archivers/bitbucket"]
    assert [each["name"] for each in bench.get("contexts", expanded="true").json()] == ["changenothing"]
    assert bench.get("archivers/http").text == 'No archiver "http" is available.\n'
    assert bench.get("contexts/linuxnns/data-is-valid", data="{}").status_code == 404
    assert bench.get("archivers/bitbucket/data-is-valid").text == "No archiver data provided\n"
    assert bench.get("archivers/bitbucket/data-is-valid", data="{").json()["error"].startswith("Invalid JSON: ")
    assert bench.get("archivers/bitbucket/data-is-valid", data='{"x": 1}').json() == {
        "valid": False,
        "error": "At /: Additional properties are not allowed ('x' was unexpected)",
    }


def test_there_are_no_limits(bench):
    """Every proposal passes (recording n23), but there must be one."""
    assert bench.get("limits", proposal='{"task": {}}').json()["passed"] is True
    assert bench.get("limits").text == "No proposal provided\n"
    assert bench.get("limits", proposal="{").text.startswith("Invalid JSON: ")


def ask_tools(bench, test, **query):
    """Return what the tools of the server say to a test."""
    return bench.get("tools", test=json.dumps(test), **query)


def test_tools_say_whether_they_can_run_a_test(bench):
    """In the form of pScheduler's public source and of the lengths in a log of it; n40 has what comes of it."""
    tool = bench.get("tools/bed").json()
    del tool["href"]
    said = [
        ask_tools(bench, {"type": "nap", "spec": spec}, api=6).json()
        for spec in (NAP, {**NAP, "unable": "Not tired."}, {})
    ]

    assert said == [
        [{"can-run": {"can-run": True}, "tool": tool}],
        [{"can-run": {"can-run": False, "reasons": ["Not tired."]}, "tool": tool}],
        [{"can-run": {"can-run": False, "reasons": ["At /: 'duration' is a required property"]}, "tool": tool}],
    ]


@pytest.mark.parametrize("query", [{}, {"api": 5}])
def test_an_older_client_is_told_only_of_tools_that_can_run_a_test(bench, query):
    """Without a version, it is the first one that counts."""
    can, cannot = (
        ask_tools(bench, {"type": "nap", "spec": {**NAP, **more}}, **query) for more in ({}, {"unable": "No"})
    )

    assert [tool["name"] for tool in can.json()] == ["bed"]
    assert cannot.json() == []


@pytest.mark.parametrize("test", [[], 5, {}, {"type": []}, {"type": {}, "spec": {}}])
def test_tools_are_not_asked_about_what_is_no_test(bench, test):
    """Of a test that is not known there are none."""
    assert ask_tools(bench, {"type": "nosuch", "spec": {}}, api=6).json() == []
    assert ask_tools(bench, test, api=6).status_code == 500
    assert bench.get("tools", test="{").status_code == 500


def test_every_request_is_noted(bench):
    """Tests can count them, refused ones included."""
    bench.get("tests/nap", spec="{}")
    bench.request("PUT", "nosuch")

    assert bench.state.requests == [("GET", "/pscheduler/tests/nap?spec=%7B%7D"), ("PUT", "/pscheduler/nosuch")]


@pytest.mark.parametrize(("keep_alive", "connection"), [(False, "close"), (True, None)])
def test_connections_are_closed_unless_they_are_to_be_kept(keep_alive, connection):
    """Stock servers answer every request, also one that is refused, with ``Connection: close``."""
    bench = Bench(keep_alive=keep_alive)
    replies = [bench.get("api"), bench.get("nosuch"), bench.get("y" * 9000)]
    bench.close()

    assert [reply.headers.get("connection") for reply in replies] == [connection] * 3


def test_a_bug_of_a_test_is_an_internal_problem(bench, monkeypatch, caplog):
    """The client sees what pScheduler would say, the log has the traceback."""
    monkeypatch.setattr(bench.state.tests["nap"], "check", lambda spec: 1 / 0, raising=False)
    reply = bench.get("tests/nap/participants", spec="{}")

    assert (reply.status_code, reply.text) == (500, "Internal problem; see system logs.\n")
    assert "ZeroDivisionError" in caplog.text
