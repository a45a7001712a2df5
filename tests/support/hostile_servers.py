"""
Raw servers on loopback that do one bad thing each, for tests.

Each takes a limited number of connections, each connection is over after a limited time, and when a server is closed
nothing of it is left.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import tempfile
import threading
import zlib
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Callable, List, Optional, Tuple

import trustme

# Seconds for any one connection; only a client that has no limits of its own needs them.
CONNECTION_LIMIT = 20.0
MOST_CONNECTIONS = 200
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"

Answer = Callable[["Connection"], None]


class Connection:
    """
    One connection of a server.

    Attributes:
        request: The head of the request and what came with it, once it was read.
    """

    def __init__(self, raw: socket.socket, over: threading.Event) -> None:
        self.request = b""
        self._raw = raw
        self._over = over
        self._stream: socket.socket = raw
        raw.settimeout(CONNECTION_LIMIT)

    def secure(self, context: ssl.SSLContext) -> None:
        """Do a TLS handshake."""
        self._stream = context.wrap_socket(self._raw, server_side=True)

    def read(self) -> None:
        """Read a request to its end."""
        while b"\r\n\r\n" not in self.request:
            self.take()
        head, _, body = self.request.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0)
        for _ in range(length - len(body)):
            if len(self.request) >= len(head) + 4 + length:
                break
            self.take()

    def take(self) -> None:
        """Read what there is, at least a byte."""
        part = self._stream.recv(65536)
        if not part:
            raise ConnectionError
        self.request += part

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self._stream.sendall(data)

    def send_for_ever(self, data: bytes, *, pause: float = 0.0) -> None:
        """Send the same again and again, until the other side or the test has had enough."""
        while not self._over.wait(pause) if pause else not self._over.is_set():
            self.send(data)

    def stand_still(self) -> None:
        """Do nothing until the other side has gone."""
        while self._stream.recv(65536):
            pass

    def reset(self) -> None:
        """Break the connection, so that the other side is told of it as an error."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # What TLS has taken over is closed below it, without its farewell.
        socket.socket(fileno=self._stream.detach()).close()

    def close(self) -> None:
        """Close the connection, if it is still open."""
        with suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()


class HostileServer:
    """
    A server that does one bad thing, as a context manager.

    Args:
        answer: What it does with a connection, after TLS and after it has read the request.
        tls: With which certificate it does TLS; without one there is none.
        raw: Whether it does what it does at once, without reading anything.

    Attributes:
        requests: Those that it has read.
        connections: How many it has taken.
    """

    def __init__(self, answer: Answer, *, tls: Optional[ssl.SSLContext] = None, raw: bool = False) -> None:
        self.requests: List[bytes] = []
        self.connections = 0
        self._answer = answer
        self._tls = tls
        self._raw = raw
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: List[Connection] = []
        self._threads: List[threading.Thread] = []

    @property
    def netloc(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> HostileServer:  # noqa: PYI034 - not made for subclasses
        """Begin to listen."""
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self._over.set()
        # A thread that waits in accept() is woken, on some systems by a shutdown and on the others by a connection.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            socket.create_connection(self._socket.getsockname(), 1).close()
        for connection in self._open:
            connection.close()
        for thread in self._threads:
            thread.join(CONNECTION_LIMIT)
        self._socket.close()

    def _start(self, what: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=what, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while self.connections < MOST_CONNECTIONS:
            try:
                raw, _ = self._socket.accept()
            except OSError:
                return
            if self._over.is_set():
                raw.close()
                return
            self.connections += 1
            connection = Connection(raw, self._over)
            self._open.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        # The other side goes when it likes, refuses certificates and breaks connections: that is what is tested.
        with suppress(OSError, ValueError):
            if self._tls is not None:
                connection.secure(self._tls)
            if not self._raw:
                connection.read()
                self.requests.append(connection.request)
            self._answer(connection)
        connection.close()


def saying(answer: bytes) -> Answer:
    """Send this and close the connection."""
    return lambda connection: connection.send(answer)


def silent(connection: Connection) -> None:
    """Send nothing."""
    connection.stand_still()


def resetting(connection: Connection) -> None:
    """Break the connection."""
    connection.reset()


def resetting_early(connection: Connection) -> None:
    """Take the first bytes there are, whatever they mean, and break the connection."""
    connection.take()
    connection.reset()


def resetting_after(answer: bytes) -> Answer:
    """Send this, give it a moment to arrive, and break the connection."""

    def reset(connection: Connection) -> None:
        connection.send(answer)
        threading.Event().wait(0.05)
        connection.reset()

    return reset


def closing(_: Connection) -> None:
    """Close the connection without a word."""


def dripping(connection: Connection) -> None:
    """Answer one byte after another, for ever."""
    connection.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
    connection.send_for_ever(b" ", pause=0.02)


def flooding(connection: Connection) -> None:
    """Answer without an end, as fast as the other side reads."""
    connection.send(HEAD + b"\r\n")
    connection.send_for_ever(b" " * 65536)


def heading(connection: Connection) -> None:
    """Send header fields without an end."""
    connection.send(HEAD)
    connection.send_for_ever(b"X-More: " + b"x" * 8000 + b"\r\n")


def bombing(connection: Connection) -> None:
    """Answer little that is a gigabyte when it is decompressed."""
    connection.send(HEAD + b"Content-Encoding: gzip\r\n\r\n")
    start, block = _bomb()
    connection.send(start)
    for _ in range(1024):
        connection.send(block)


@cache
def _bomb() -> Tuple[bytes, bytes]:
    """Make the beginning of a gzip stream, and a block of it that is a megabyte and can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(b" ") + packer.flush(zlib.Z_FULL_FLUSH)
    return start, packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)


# What servers answer that are no good, each with words that an error about it must have.
BAD_ANSWERS = {
    "closes": (closing, "the server closed the connection without an answer"),
    "breaks off in the head": (saying(b"HTTP/1.1 200 OK\r\nContent-"), "closed the connection without an answer"),
    "breaks off": (saying(HEAD + b"Content-Length: 100\r\n\r\n[1, 2, "), "cut off after 7 of 100 bytes"),
    "breaks off in chunks": (
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1, 2"),
        "the answer was cut off after 5 bytes",
    ),
    "breaks off compressed": (
        saying(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"12" * 99)[:-9]),
        "the answer cannot be decompressed: incomplete",
    ),
    "is badly compressed": (
        saying(HEAD + b"Content-Encoding: gzip\r\n\r\nnone of that"),
        "the answer cannot be decompressed: incorrect header check",
    ),
    "is compressed otherwise": (saying(HEAD + b"Content-Encoding: br\r\n\r\n[]"), 'answered in the encoding "br"'),
    "has a length that is none": (
        saying(HEAD + b"Content-Length: many\r\n\r\n[]"),
        "the answer is not valid HTTP: bad Content-Length",
    ),
    "has two lengths": (
        saying(HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n[]"),
        "the answer is not valid HTTP: conflicting Content-Length headers",
    ),
    "speaks mail": (
        saying(b"220 mail.example.net ESMTP\r\n\r\n"),
        "the host did not answer with HTTP: 220 mail.example.net ESMTP",
    ),
    "speaks nonsense": (saying(bytes(range(128, 256)) + b"\r\n\r\n"), "the host did not answer with HTTP"),
    "has no end of headers": (heading, "the header of the answer is too long"),
    # Under TLS, asyncio does not tell a connection that was broken from one that was closed.
    "resets": (resetting, "the server closed the connection without an answer"),
    "resets in its answer": (
        resetting_after(HEAD + b"Content-Length: 100\r\n\r\n[1, 2"),
        "the answer was cut off after 5 of 100 bytes",
    ),
    "never ends": (flooding, "answered more than"),
    "is a bomb": (bombing, "answered more than"),
}
# What takes until the limit of a request.
SLOW_ANSWERS = {
    "says nothing": (silent, r"no answer within [0-9.]+ seconds"),
    "drips": (dripping, r"the answer was not complete within [0-9.]+ seconds; [0-9]+ bytes had arrived"),
}


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def ca_file() -> str:
    """Write the certificate of the authority that signs the certificates here; the caller removes the file."""
    with tempfile.NamedTemporaryFile(suffix=".pem", delete=False) as file:
        file.write(_authority().cert_pem.bytes())
    return file.name


def good_tls() -> ssl.SSLContext:
    """Have a valid certificate of an unknown authority."""
    return _context(_authority().issue_cert("127.0.0.1", "localhost"))


def expired_tls() -> ssl.SSLContext:
    """Have a certificate that was good until yesterday."""
    now = datetime.now(timezone.utc)
    return _context(
        _authority().issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    )


def future_tls() -> ssl.SSLContext:
    """Have a certificate that is good from tomorrow on."""
    now = datetime.now(timezone.utc)
    return _context(
        _authority().issue_cert("127.0.0.1", not_before=now + timedelta(days=1), not_after=now + timedelta(days=9))
    )


def misnamed_tls() -> ssl.SSLContext:
    """Have a certificate for another host."""
    return _context(_authority().issue_cert("ps.example.net"))


def self_signed_tls() -> ssl.SSLContext:
    """Have a self-signed certificate."""
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.pem"
        path.write_bytes(own.private_key_pem.bytes() + own.cert_pem.bytes())
        context.load_cert_chain(path)
    return context


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


# Certificates that are refused where they are checked, each with words that an error about it must have.
BAD_CERTIFICATES = {
    "expired": (expired_tls, "certificate verify failed: it has expired; the server needs a new one"),
    "not valid yet": (future_tls, "certificate verify failed: it is not valid yet"),
    "of another": (misnamed_tls, "certificate is not valid for '127.0.0.1'; use a name that is in the certificate"),
    "self-signed": (self_signed_tls, "it is self-signed; give that certificate with --ca-file"),
}
# What becomes of a connection where TLS should begin, each with words that an error about it must have.
BAD_HANDSHAKES = {
    "plain HTTP": (
        saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "does not speak TLS on this port; is it the right port?",
    ),
    "mail": (saying(b"220 mail.example.net ESMTP\r\n"), "does not speak TLS on this port; is it the right port?"),
    "closes": (closing, "the server closed the connection during the TLS handshake"),
    "resets": (resetting_early, "the server closed the connection during the TLS handshake"),
    "alert": (
        saying(b"\x15\x03\x03\x00\x02\x02\x28"),
        "TLS handshake failed, no TLS version or cipher in common with the server",
    ),
}
