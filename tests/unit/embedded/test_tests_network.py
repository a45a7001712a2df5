"""The tests of the embedded server that ask a server: clock, dns, http and simplestream, for real over loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.flags
import dns.message
import dns.rrset
import pytest
import trustme

from pscheduler_batch.embedded.tests.clock import ClockTest
from pscheduler_batch.embedded.tests.dns import DnsTest
from pscheduler_batch.embedded.tests.http import HttpTest
from pscheduler_batch.embedded.tests.simplestream import SimplestreamTest
from pscheduler_batch.iso8601 import parse_duration
from tests.support.clock import NOON
from tests.support.embedded_bench import outcomes


@contextmanager
def web(replies, *, tls=False):
    """Serve fixed replies, (status, headers, body) by path, on loopback; give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = replies[self.path]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("elsewhere.example").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def closed_port():
    """Return a TCP port on loopback that nothing listens on: it is bound, so nothing else can."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def test_clock_compares_this_machine_with_itself():
    """Without another server both readings are this machine's own."""
    times = iter([NOON, NOON + timedelta(microseconds=20)])
    (outcome,) = outcomes(ClockTest(lambda: next(times)), {"dest": "127.0.0.1"})

    assert outcome.merged == {
        "schema": 1,
        "succeeded": True,
        "local": {"time": "2026-03-01T12:00:00+00:00", "synchronized": False, "source": "unknown"},
        "remote": {"time": "2026-03-01T12:00:00.000020+00:00", "synchronized": False, "source": "unknown"},
        "difference": "PT0.00002S",
    }


def test_clock_asks_a_pscheduler_server_whatever_its_certificate():
    """A destination with a port is asked, and the difference is to the middle of the time that asking took."""
    body = b'{"time":"2026-03-01T12:00:05+00:00","synchronized":true,"offset":0.5,"source":"ntp","reference":"x"}\n'
    times = iter([NOON, NOON + timedelta(seconds=2)])
    with web({"/pscheduler/clock": (200, {}, body)}, tls=True) as port:
        (outcome,) = outcomes(ClockTest(lambda: next(times)), {"dest": f"127.0.0.1:{port}"})

    assert outcome.merged["difference"] == "PT4S"
    assert "Synchronized ... ntp, x" in ClockTest().plain({}, outcome.merged)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"time": "noon"}', b"<html>"])
def test_clock_fails_where_the_answer_is_no_clock(body):
    """Whatever comes back, the run fails with a reason and no traceback."""
    with web({"/pscheduler/clock": (200, {}, body)}, tls=True) as port:
        (outcome,) = outcomes(ClockTest(), {"dest": f"127.0.0.1:{port}"})

    assert outcome.merged == {"succeeded": False}
    assert outcome.full[0]["error"] == f"127.0.0.1:{port} did not return the time of its clock"


def test_clock_fails_where_nobody_answers(closed_port):
    """The reason is the system's own."""
    (outcome,) = outcomes(ClockTest(), {"dest": f"127.0.0.1:{closed_port}"})

    assert outcome.full[0]["error"] == f"cannot read the clock of 127.0.0.1:{closed_port}: Connection refused"


def test_reading_ones_own_clock_is_announced_as_quick():
    """Only asking another host may take as long as the timeout."""

    assert ClockTest().duration({"dest": "localhost"}) == timedelta(seconds=0.5)
    assert ClockTest().duration({"dest": "localhost:443"}) == timedelta(seconds=5)


def test_clock_is_rendered_with_both_readings():
    """Both forms show both clocks and the difference."""
    clock = {"time": "<noon>", "synchronized": False, "source": "unknown"}
    result = {"local": clock, "remote": clock, "difference": "PT1S"}

    assert ClockTest().plain({}, result) == (
        "Local Host\n  Time ... <noon>\n\nRemote Host\n  Time ... <noon>\n\nDifference ... PT1S\n"
    )
    assert ClockTest().html({}, result).count("<td>&lt;noon&gt;</td>") == 2


RECORDS = {
    "A": ["192.0.2.1"],
    "AAAA": ["2001:db8::1"],
    "CNAME": ["b.example."],
    "MX": ["10 mail.example."],
    "NS": ["ns.example."],
    "PTR": ["host.example."],
    "SOA": ["ns.example. owner.example. 7 3600 600 86400 300"],
    "TXT": ['"hello " "there"'],
}


@contextmanager
def name_server(*, answers=True):
    """Answer on loopback as a name server does, or say nothing at all; give the port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def serve():
        while True:
            data, sender = sock.recvfrom(4096)
            if not data:
                return
            if answers:
                sock.sendto(_answer(dns.message.from_wire(data)).to_wire(), sender)

    thread = threading.Thread(target=serve)
    thread.start()
    port = sock.getsockname()[1]
    try:
        yield port
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", ("127.0.0.1", port))
        thread.join()
        sock.close()


def _answer(query):
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    question = query.question[0]
    if question.name.to_text() == "nosuch.example.":
        response.set_rcode(dns.rcode.NXDOMAIN)
    else:
        kind = dns.rdatatype.to_text(question.rdtype)
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *RECORDS[kind]))
    return response


def _query(record, name="a.example"):
    return {"query": name, "record": record, "nameserver": "127.0.0.1", "timeout": "PT5S"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("a", ["192.0.2.1"]),
        ("aaaa", ["2001:db8::1"]),
        ("cname", "b.example."),
        ("mx", [{"pref": 10, "mx": "mail.example."}]),
        ("ns", ["ns.example."]),
        ("ptr", "host.example."),
        ("txt", ["hello there"]),
        (
            "soa",
            {
                "nameserver": "ns.example.",
                "owner": "owner.example.",
                "serial": 7,
                "refresh": 3600,
                "retry": 600,
                "expire": 86400,
                "minimum": 300,
            },
        ),
    ],
)
def test_dns_gives_each_kind_of_record_in_its_form(record, expected):
    """A real name server on loopback is asked, and its answer rendered in both forms."""
    with name_server() as port:
        test = DnsTest(port)
        (outcome,) = outcomes(test, _query(record))

    assert outcome.merged["record"] == expected
    assert outcome.merged["succeeded"] is True
    assert parse_duration(outcome.merged["time"]) > timedelta(0)
    assert test.plain(_query(record), outcome.merged).startswith("Time ...")
    assert "<td>Time</td>" in test.html(_query(record), outcome.merged)


def test_dns_shows_records_with_their_names():
    """Each record has a line of its own."""
    result = {"time": "PT0.002S", "record": ["192.0.2.1", "192.0.2.2"]}

    assert DnsTest().plain({"record": "a"}, result) == "Time ... PT0.002S\nA ...... 192.0.2.1\nA ...... 192.0.2.2\n"


def test_dns_that_is_not_answered_fails_as_recorded():
    """Result and report have the form of recording f-dnsfail, the time of the failure included."""
    with name_server(answers=False) as port:
        (outcome,) = outcomes(DnsTest(port), {**_query("a"), "timeout": "PT0.05S"})
    report = outcome.full[0]

    assert set(outcome.merged) == {"time", "schema", "succeeded"}
    assert outcome.merged["succeeded"] is False
    assert report == {"diags": "", "error": "Timeout", "result": outcome.merged, "succeeded": False}


def test_dns_says_that_a_name_does_not_exist():
    """The reason is what the name server said."""
    with name_server() as port:
        (outcome,) = outcomes(DnsTest(port), _query("a", "nosuch.example"))

    assert outcome.merged["succeeded"] is False
    assert "does not exist" in outcome.full[0]["error"]


def test_http_of_version_1_gives_the_time_and_what_was_looked_for():
    """The result has no more than version 1 of it has."""
    with web({"/": (200, {}, b"hello there")}) as port:
        (outcome,) = outcomes(HttpTest(), {"url": f"http://127.0.0.1:{port}/", "parse": "lo th"})

    assert set(outcome.merged) == {"schema", "succeeded", "time", "found"}
    assert (outcome.merged["schema"], outcome.merged["found"]) == (1, True)


def test_http_of_later_versions_gives_status_headers_and_content():
    """The content is kept up to the number of bytes asked for."""
    with web({"/": (200, {"X-Kind": "test"}, b"hello there")}) as port:
        spec = {"schema": 4, "url": f"http://127.0.0.1:{port}/", "keep-content": 5, "ip-version": 4}
        (outcome,) = outcomes(HttpTest(), spec)

    assert (outcome.merged["schema"], outcome.merged["status"], outcome.merged["content"]) == (2, 200, "hello")
    assert outcome.merged["headers"]["x-kind"] == "test"


def test_http_follows_redirects_and_takes_any_certificate():
    """The answer is that of the place that the server names."""
    replies = {"/old": (302, {"Location": "/new"}, b""), "/new": (200, {}, b"new")}
    with web(replies, tls=True) as port:
        spec = {"schema": 2, "url": f"https://127.0.0.1:{port}/old", "keep-content": 0}
        (outcome,) = outcomes(HttpTest(), spec)

    assert outcome.merged["content"] == "new"


@pytest.mark.parametrize("always", [False, True])
def test_http_fails_on_an_error_of_the_server_unless_told_otherwise(always):
    """With always-succeed the status is a result like any other."""
    with web({"/": (503, {}, b"")}) as port:
        spec = {"schema": 2, "url": f"http://127.0.0.1:{port}/", "always-succeed": always}
        (outcome,) = outcomes(HttpTest(), spec)

    assert outcome.merged["succeeded"] is always
    assert outcome.full[0]["error"] == ("" if always else "The server answered 503 Service Unavailable")


def test_http_fails_where_nobody_answers(closed_port):
    """The reason is the system's own."""
    (outcome,) = outcomes(HttpTest(), {"url": f"http://127.0.0.1:{closed_port}/"})

    assert outcome.merged == {"succeeded": False}
    assert outcome.full[0]["error"] == "Connection refused"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_http_that_takes_too_long_fails(scheme):
    """The time limit is around everything, a server that accepts and then says nothing included."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        spec = {"url": f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/", "timeout": "PT0.05S"}
        (outcome,) = outcomes(HttpTest(), spec)

    assert outcome.full[0]["error"] == "Timeout"


def test_http_is_rendered_with_what_there_is():
    """What version 1 does not have is left out."""

    assert HttpTest().plain({}, {"time": "PT0.1S"}) == "Response Time ... PT0.1S\n"
    assert HttpTest().plain({}, {"time": "PT0.1S", "status": 200, "found": False}) == (
        "Response Time ... PT0.1S\nStatus Code ..... 200\nString Found .... No\n"
    )
    assert "<td>Status Code</td><td>200</td>" in HttpTest().html({}, {"time": "PT0.1S", "status": 200})


def test_simplestream_sends_a_text_and_receives_it():
    """Result and reports have the keys of recording g-m-stream."""
    (outcome,) = outcomes(SimplestreamTest(), {"dest": "127.0.0.1", "test-material": "hello é"})
    sender, receiver = outcome.full

    assert set(outcome.merged) == {"sent", "schema", "dawdled", "received", "succeeded", "elapsed-time"}
    assert (outcome.merged["sent"], outcome.merged["received"]) == ("hello é", "hello é")
    assert sender["result"] == {"sent": "hello é", "dawdled": "P0D"}
    assert set(receiver["result"]) == {"received", "elapsed-time"}
    assert receiver["diags"].startswith("Listening on ('127.0.0.1', ")


def test_simplestream_dawdles_up_to_as_long_as_it_may():
    """Half the chance is half the time."""
    (outcome,) = outcomes(SimplestreamTest(lambda: 0.5), {"dest": "127.0.0.1", "dawdle": "PT0.02S"})

    assert outcome.merged["dawdled"] == "PT0.01S"
    assert outcome.merged["sent"].startswith("Data sent at ")


def test_simplestream_fails_by_chance():
    """Both participants report a failure."""
    (outcome,) = outcomes(SimplestreamTest(lambda: 0.4), {"dest": "127.0.0.1", "fail": 0.5})

    assert outcome.merged == {"succeeded": False}
    assert outcome.full[0]["error"] == "Randomly-induced failure"
    assert len(outcome.full) == 2


def test_simplestream_says_that_a_port_is_taken():
    """A port that is in use is a failure with the system's reason."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        spec = {"schema": 3, "dest": "127.0.0.1", "port": taken.getsockname()[1]}
        (outcome,) = outcomes(SimplestreamTest(), spec)

    assert outcome.full[0]["error"] == "Address already in use"


def test_simplestream_to_a_name_that_does_not_resolve_fails():
    """The reason names the host."""
    (outcome,) = outcomes(SimplestreamTest(), {"dest": "nosuch.invalid"})

    assert "nosuch.invalid" in outcome.full[0]["error"]


def test_simplestream_is_rendered_as_recorded():
    """The texts are those of recording g-m-stream."""
    result = {"dawdled": "P0D", "sent": "hello", "received": "hello", "elapsed-time": "PT2.583509S"}

    assert SimplestreamTest().plain({}, result) == (
        "Dawdled ......... P0D\nText Sent ....... hello\nText Received ... hello\nElapsed Time .... PT2.583509S\n"
    )
    assert SimplestreamTest().html({}, result) == (
        "<table>\n<tr><td>Dawdled</td><td>P0D</td></tr>\n<tr><td>Text Sent</td><td>hello</td></tr>\n"
        "<tr><td>Text Received</td><td>hello</td></tr>\n<tr><td>Elapsed Time</td><td>PT2.583509S</td></tr>\n</table>\n"
    )
