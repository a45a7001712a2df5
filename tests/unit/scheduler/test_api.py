"""pScheduler's REST API in words, without a network."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from pscheduler_batch.errors import RefusedError, ReplyError
from pscheduler_batch.http.response import Reply
from pscheduler_batch.scheduler import api as rest

URL = "https://ps.example.net/pscheduler/tasks/5f1c/runs/0a"
RUN = {
    "href": URL,
    "result-href": f"{URL}/result",
    "state": "finished",
    "start-time": "2026-03-01T12:00:05+00:00",
    "end-time": "2026-03-01T14:00:09+02:00",
    "result": None,
    "result-full": None,
    "result-merged": {"succeeded": True},
    "errors": None,
    "something-new": [1],
}


def read_run(**changes):
    """Read a run that differs from the one above; a name's underscores are hyphens."""
    document = {**RUN, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return rest.decipher_run(Reply(200, {}, json.dumps(document).encode()), doing="reading", url=URL)


@pytest.mark.parametrize(
    "host",
    ["ps.example.net", "ps.example.net:8443", "192.0.2.1", "192.0.2.1:443", "[2001:db8::1]", "[2001:db8::1]:8443"],
)
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(host):
    """Written as in a URL it stays as it is."""
    assert rest.api_url(host) == f"https://{host}/pscheduler"


@pytest.mark.parametrize("host", ["2001:db8::1", "::1", "::ffff:192.0.2.1"])
def test_a_bare_ipv6_address_gets_its_brackets(host):
    """A URL needs them."""
    assert rest.netloc(host) == f"[{host}]"


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "a b",
        "https://a",
        "a/b",
        "a?b",
        "user@a",
        "a:",
        "a:b",
        "a:0",
        "a:65536",
        "[::1",
        "::1]",
        "[a]",
        "[::1]x",
        "1:2:3",
    ],
)
def test_what_is_no_host_is_refused_with_its_own_words(host):
    """The message quotes it."""
    with pytest.raises(ValueError, match="is no") as caught:
        rest.netloc(host)

    assert f'"{host}"' in str(caught.value) or f'"[{host}]"' in str(caught.value)


def test_a_spec_travels_as_ascii_json_in_the_query():
    """Nothing in it can end the query or add to it."""
    url = rest.participants_url("a", "r/t t", {"dest": "é&x=1#"})

    assert url == (
        "https://a/pscheduler/tests/r%2Ft%20t/participants?spec=%7B%22dest%22%3A+%22%5Cu00e9%26x%3D1%23%22%7D"
    )


def test_a_wait_of_zero_is_never_sent():
    """Servers answer it with a 500 [g05c]."""
    assert rest.waiting_url(URL, 0) == URL


def test_the_format_is_added_to_whatever_query_the_href_has():
    """Hrefs are used as given."""
    run = read_run(result_href=f"{URL}/result?key=x")

    assert rest.format_url(run, "text/html") == f"{URL}/result?key=x&format=text%2Fhtml"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://PS.Example.net/x", "ps.example.net"),
        ("https://ps.example.net:443/x", "ps.example.net"),
        ("https://ps.example.net:8443/x", "ps.example.net:8443"),
        ("http://ps.example.net:80/x", "ps.example.net"),
        ("https://[2001:DB8::1]:443/x", "[2001:db8::1]"),
        ("https://ps.example.net:443?u=https://other.example.net/", "ps.example.net"),
        ("https://ps.example.net#://other.example.net/", "ps.example.net"),
        ("HTTPS://ps.example.net", "ps.example.net"),
        ("//ps.example.net/x://y/z", "ps.example.net"),
        ("/x?u=https://other.example.net/", ""),
        ("https:///x", ""),
        ("", ""),
    ],
)
def test_one_host_has_one_name(url, host):
    """Or the limit of requests to it would hold for each way to write it."""
    assert rest.host_of(url) == host


@pytest.mark.parametrize("url", ["https://[::1/x", "https://::1]/x"])
def test_what_is_no_url_is_none_every_time(url):
    """Nothing of it is remembered."""
    for _ in range(2):
        with pytest.raises(ValueError, match="Invalid IPv6 URL"):
            rest.host_of(url)


def test_a_run_keeps_what_we_do_not_know():
    """The server's whole description is in it, and the times have their zones."""
    run = read_run()

    assert run.document["something-new"] == [1]
    assert run.end_time == datetime(2026, 3, 1, 12, 0, 9, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": None}, "did not give the state of the run"),
        ({"href": None}, "did not give href"),
        ({"result_href": "/relative"}, "did not give result-href"),
        ({"start_time": "soon"}, "gave 'soon' as start-time, which is not a time"),
        ({"end_time": 17}, "gave 17 as end-time, which is not a time"),
        ({"end_time": "2026-03-01T12:00:00"}, "gave '2026-03-01T12:00:00' as end-time, which is not a time"),
    ],
)
def test_a_run_that_lacks_something_is_no_run(changes, said):
    """The message says what it lacks."""
    with pytest.raises(ReplyError) as caught:
        read_run(**changes)

    assert str(caught.value) == f"reading: {URL} {said}"


@pytest.mark.parametrize(
    ("state", "final"),
    [
        *[(state, True) for state in ("finished", "failed", "nonstart", "missed", "preempted", "canceled")],
        *[
            (state, False)
            for state in ("scheduling", "pending", "on-deck", "running", "cleanup", "overdue", "new-state")
        ],
    ],
)
def test_some_states_are_final(state, final):
    """Neither cleanup is, whose result is yet to be merged, nor overdue, which can still become finished."""
    assert rest.is_final(read_run(state=state)) is final


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_a_reply_error(body):
    """Whatever it is, and however deep."""
    with pytest.raises(ReplyError, match="did not answer with JSON"):
        rest.decipher_json(Reply(200, {}, body), doing="asking", url=URL)


def test_the_query_is_in_no_message():
    """It can hold a whole specification with its secrets."""
    with pytest.raises(RefusedError) as caught:
        rest.decipher_json(Reply(400, {}, b"no"), doing="asking", url=f"{URL}?spec=s3cret")

    assert (str(caught.value), caught.value.status_code) == (f"asking: {URL} answered 400: no", 400)


def test_what_moves_a_terminals_cursor_is_left_out():
    """A server's words end up on a terminal; lines stay lines."""
    assert rest.words_of(Reply(500, {}, b"a\x1b[2Jb\r\nc\x07")) == "a[2Jb\nc"


def test_scripts_and_styles_of_a_page_are_no_words():
    """Only what a reader of the page would see is quoted."""
    page = b"<html><style>p{}</style><script>x()</script><p>Down &amp; out</p></html>"

    assert rest.words_of(Reply(503, {"content-type": "text/html"}, page)) == "Down & out"


@pytest.mark.parametrize(
    ("date", "hour"),
    [("Sun, 01 Mar 2026 12:00:00 GMT", 12), ("Sun, 01 Mar 2026 12:00:00 -0000", 12), ("Sun, 01 Mar 2026 12:00:00", 12)],
)
def test_the_date_of_an_answer_always_has_a_zone(date, hour):
    """It is compared with times that have one."""
    assert Reply(200, {"date": date}, b"").date == datetime(2026, 3, 1, hour, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "now"},
        {"date": "Sun, 99 Mar 2026 12:00:00 GMT"},
        {"date": "Sun, 01 Mar 99999999999999 12:00:00 GMT"},
        {"date": "Sun, 01 Mar 2026 12:00:00 +99999999999999"},
    ],
)
def test_a_date_that_is_none_is_no_trouble(headers):
    """The server's clock is unknown then."""
    assert Reply(200, headers, b"").date is None


def test_numbers_that_are_infinite_become_null():
    """However they are written, as the output has to be JSON."""
    reply = Reply(200, {}, b"[1.5e3, NaN, -Infinity, 1e999, -1e999]")

    assert rest.decipher_json(reply, doing="reading", url=URL) == [1500.0, None, None, None, None]


def test_a_url_without_tls_is_not_followed():
    """It is another port of the host, and the traffic could be read on the way."""
    with pytest.raises(ReplyError, match="gave a URL without TLS, http:"):
        read_run(href=URL.replace("https:", "http:"))


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"errors": " why \n"}, ["why"]),
        ({"result": {"error": "one"}, "result_full": [{"error": "one"}, {"error": "two"}]}, ["one", "two"]),
        ({"result_full": [{"error": None, "diags": "said"}, None, "x"]}, ["said"]),
        ({"result_full": [{"error": "one", "diags": "said"}]}, ["one"]),
        ({"result_merged": {"succeeded": False, "error": "merged"}}, ["merged"]),
        ({"errors": {"not": "text"}, "result": "none", "result_full": "none"}, []),
    ],
)
def test_the_reason_is_wherever_the_server_put_it(changes, reasons):
    """In the order of ADR 15, each once."""
    assert list(rest.reasons_of(read_run(**changes))) == reasons
