"""Servers that refuse, break off or are no pScheduler, through the real command: a failure, never a traceback."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pscheduler_batch.embedded.faults.rules import Rule
from tests.support.commands import job, run_batch, task

ONE = {"jobs": [job()]}
# A task whose first run is waited for by its own name, as it never has the result.
SEVERAL = {"jobs": [job(task=task("idlebgm", duration="PT0.5S", interval="PT0.2S"))]}
HTML = "text/html; charset=iso-8859-1"


def failed(ended) -> str:
    """See that the batch was carried through although its iterations failed; give the first one's error."""
    assert (ended.status, ended.stderr) == (3, "")
    return ended.results[0][0]["error"]


@contextmanager
def serving(server):
    """Let a server run in a thread; give its host and port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask(host, *arguments):
    """Send everything to a host."""
    return run_batch("--assist", host, "--lead", host, *arguments, batch=ONE)


class TestNoPScheduler:
    """Hosts that are there, or not, but have no pScheduler."""

    def test_nobody_listens(self):
        """The operating system's reason is in the message."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{closed.getsockname()[1]}"
            error = failed(ask(host))

        url = f"https://{host}/pscheduler/tests/noop/participants"
        assert error == f"finding participants: cannot reach {url}: Connection refused"

    def test_a_name_that_cannot_be_one(self):
        """A label has 63 characters at the most, so no name server needs to be asked."""
        host = f"{'a' * 64}.example.net"

        assert failed(ask(host)).startswith(f"finding participants: cannot reach https://{host}/pscheduler/")

    def test_this_host_has_none(self):
        """The message says which options would help (ADR 12)."""
        ended = run_batch(batch=ONE, PSCHEDULER_LOCALHOST="127.0.0.1:1")

        assert "name an --assist and a --lead that run pScheduler" in failed(ended)

    def test_a_server_without_tls(self):
        """It answers anything with words of its own."""

        class Greeter(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"220 mail.example.net ESMTP\r\n")

        with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter)) as host:
            error = failed(ask(host))

        assert "cannot reach" in error

    def test_another_web_server(self, pscheduler):
        """Its page is quoted without its markup."""

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_error(404)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pscheduler._running.certificate.server_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with serving(server) as host:
            error = failed(ask(host))

        assert "answered 404: " in error
        assert "is that a pScheduler server?" in error
        assert "<" not in error


class TestCertificates:
    """Verification is off unless asked for (ADR 13)."""

    def test_a_certificate_of_nobody_known_is_refused_if_asked_for(self, there):
        """With the reason."""
        assert "certificate verify failed" in failed(run_batch(*there, "--verify-tls", batch=ONE)).lower()

    def test_the_right_authority_is_accepted(self, there, pscheduler):
        """A file of certificates turns the check on, and this one has the authority's."""
        assert run_batch(*there, "--ca-file", str(pscheduler.ca_file), batch=ONE).status == 0


class TestRefusals:
    """A pScheduler server that says no, or something strange."""

    @pytest.mark.parametrize(
        ("where", "status", "body", "said"),
        [
            ("tasks", 403, "Task forbidden by limits", "/tasks answered 403: Task forbidden by limits"),
            ("tasks", 200, "fine", "did not answer with JSON: fine"),
            ("tasks", 200, "7", "did not give the URL of the task"),
            ("tasks", 200, '"ftp://x/1"', "did not give the URL of the task"),
            (
                "tests/noop/participants",
                200,
                '{"participants": ["no host/"]}',
                'named an invalid participant: "no host/"',
            ),
            ("tasks/*/runs/first", 200, "[]", "did not answer with a run"),
            ("tasks/*/runs/first", 403, "Forbidden", "/runs/first answered 403: Forbidden"),
        ],
    )
    def test_an_answer_that_is_no_use(self, there, pscheduler, where, status, body, said):
        """It is quoted, and the other iteration is not disturbed."""
        pscheduler.state.faults.refuse(where, status, body, times=1)

        ended = run_batch(*there, batch={"jobs": [job(), job(task=task(data=2))]})

        assert said in failed(ended)
        assert ended.results[1][0]["runs"][0]["application/json"]["succeeded"] is True

    def test_one_format_that_is_refused_leaves_the_others(self, there, pscheduler):
        """And is no failure of the run."""
        pscheduler.state.faults.refuse(re.compile("format=text%2Fhtml"), 500, "Unsupported format text/html")

        ended = run_batch(*there, batch=ONE)

        (run,) = ended.results[0][0]["runs"]
        assert ended.status == 0
        assert run["text/html"] is None
        assert run["text/plain"].startswith("Data:")
        assert run["errors"]["text/html"].endswith("answered 500: Unsupported format text/html")

    def test_long_polls_that_a_web_server_cuts_are_asked_again(self, there, pscheduler):
        """A 504 in HTML says nothing about the task."""
        where = re.compile("wait-merged=true")
        pscheduler.state.faults.refuse(where, 504, "<h1>Gateway Timeout</h1>", content_type=HTML, times=1)

        patient = run_batch(*there, batch=SEVERAL)

        assert patient.status == 0

    def test_a_task_that_is_canceled_meanwhile_ends_the_waiting(self, there, pscheduler):
        """The run is gone, and that is the failure."""
        pscheduler.state.faults.refuse(re.compile("wait-merged=true"), 404, "Resource not found.")

        assert "the run is gone" in failed(run_batch(*there, batch=SEVERAL))

    def test_secrets_in_a_refusal_are_hidden(self, there, pscheduler):
        """A server may quote the whole task [c14]."""
        pscheduler.state.faults.refuse("tasks", 400, "Invalid: {'_key': 't0psecret'}")

        ended = run_batch(*there, "--debug", batch={"jobs": [job(task={**task(), "_key": "t0psecret"})]})

        assert "t0psecret" not in ended.stderr + ended.results[0][0]["error"]
        assert "'_key': '(hidden)'" in ended.results[0][0]["error"]

    def test_a_broken_connection_is_a_failure_where_there_are_no_marks(self, there, pscheduler):
        """It cannot be found out whether the task arrived, so it is not posted again."""

        async def half_an_answer(_app, _scope, _receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
            await send({"type": "http.response.body", "body": b'"https', "more_body": False})

        rule = pscheduler.state.faults.add(Rule("tasks", half_an_answer))
        error = failed(run_batch(*there, "--no-mark", batch=ONE))

        assert error.startswith("posting the task: cannot reach")
        assert "without a mark" in error
        assert rule.uses == 1
