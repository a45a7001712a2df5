"""Errors of connections: what was raised as a failed attempt, and in words what the network or the server has done."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
import zlib
from typing import Optional, Tuple

import httpcore
import httpx

from pscheduler_batch.errors import ReplyError, SchedulerError, UnreachableError
from pscheduler_batch.http.connection import ExchangeProgress, ExchangeStep, UnusableError
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.urls import shown
from pscheduler_batch.text import shorten

# What goes wrong before anything of the request itself is on its way; everything else may have reached the server.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
_TIMEOUTS = (asyncio.TimeoutError, httpx.TimeoutException)
# What networks and servers can bring about; anything else is a bug. A mock may raise errors of httpx.
_FAILURES = (
    *_UNSENT,
    asyncio.TimeoutError,
    httpx.HTTPError,
    httpcore.ProtocolError,
    OSError,
    OverflowError,
    zlib.error,
)

# Where a local address comes from: one for the assist, one for all other hosts.
_OPTIONS = "(--bind or --assist-bind)"

# Why a certificate was refused and what helps, by OpenSSL's numbers (X509_V_ERR_*).
_UNKNOWN = ("it is signed by an unknown authority", "give that authority's certificate with --ca-file")
_REFUSALS = {
    9: ("it is not valid yet", "check the clocks of this host and the server"),
    10: ("it has expired", "the server needs a new one"),
    18: ("it is self-signed", "give that certificate with --ca-file"),
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    62: ("", "use a name that is in the certificate"),
    64: ("", "use a name that is in the certificate"),
}


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    reason, advice = _REFUSALS.get(error.verify_code, ("", "the administrator of the server has to fix that"))
    reason = reason or error.verify_message.rstrip(".")
    return f"certificate verify failed: {reason}; {advice}, or turn certificate checks off"


# OpenSSL's words for an answer that is not TLS at all.
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


def tls_words(error: BaseException) -> Tuple[str, bool]:
    """Return why the TLS handshake failed on an open connection, and whether that may pass by itself."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_words(error), False
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        reason = (error.reason or "").upper()
        if reason in _NO_TLS:
            return "the host does not speak TLS on this port; is it the right port?", False
        words = reason.replace("_", " ").lower() or error
        return f"TLS handshake failed, no TLS version or cipher in common with the server: {words}", True
    return f"the server closed the connection during the TLS handshake{behind_colon(os_words(error))}", True


def os_words(error: BaseException) -> str:
    """
    Return the operating system's words, "" where it has none.

    >>> os_words(ConnectionRefusedError(111, "Connect call failed ('192.0.2.1', 443)")), os_words(ValueError("no"))
    ('Connection refused', '')
    """
    if not isinstance(error, OSError) or isinstance(error, ssl.SSLError):
        return ""
    if "Multiple exceptions: " in str(error):
        # Each address of the host has failed; aiohappyeyeballs has their errors only as text.
        return ", ".join(dict.fromkeys(os.strerror(int(number)) for number in re.findall(r"Errno (\d+)", str(error))))
    if not error.strerror:
        return ""
    # asyncio puts the address, which the URL has already, where the operating system has its words.
    if error.errno and error.strerror.startswith("Connect call failed"):
        return os.strerror(error.errno)
    return error.strerror


def behind_colon(words: str) -> str:
    """Return words with a colon before them, if there are any."""
    return f": {words}" if words else ""


def _is_our_limit(error: BaseException) -> bool:
    """Return whether a time limit of ours was exceeded, not one of the system, which is an OSError with a number."""
    return isinstance(error, _TIMEOUTS) and not getattr(error, "errno", None)


def explain(
    error: Exception, request: Request, progress: ExchangeProgress, limit: float, connect_limit: float
) -> Optional[SchedulerError]:
    """
    Return the error that callers know for the one with which an attempt ended.

    Args:
        error: What was raised.
        request: The request.
        progress: How far the attempt had come.
        limit: How many seconds it might take.
        connect_limit: How many of them the connection might, and then its TLS handshake.

    Returns:
        The error; None if it is a bug.
    """
    doing, url = request.doing, shown(request.url)
    if isinstance(error, UnusableError):
        return ReplyError(str(error), doing=doing, url=url)
    if not isinstance(error, _FAILURES):
        return None
    reason, transient = _Ended(progress, limit, connect_limit, request.bind).describe(error)
    sent = not isinstance(error, _UNSENT) if progress.step is None else progress.step >= ExchangeStep.SENDING
    too_slow = progress.step is not None and progress.step >= ExchangeStep.SECURING and _is_our_limit(error)
    return UnreachableError(reason, doing=doing, url=url, sent=sent, transient=transient, too_slow=too_slow)


# What is wrong with an answer, in words of h11, httpcore and our own connection, and whether it may pass.
_BAD_ANSWERS = {
    "without sending a response": ("the server closed the connection without an answer", True),
    "too long": ("the header of the answer is too long", False),
}


class _Ended:
    """An attempt that has ended without an answer."""

    def __init__(self, progress: ExchangeProgress, limit: float, connect_limit: float, bind: Optional[str]) -> None:
        self._progress = progress
        self._limit = limit
        self._connect_limit = connect_limit
        self._bind = bind

    def describe(self, error: BaseException) -> Tuple[str, bool]:
        """Return what happened, and whether it may pass by itself."""
        if _is_our_limit(error):
            return self._too_late(), True
        if isinstance(error, (httpcore.RemoteProtocolError, httpx.RemoteProtocolError, zlib.error)):
            return self._answer_words(error)
        if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
            return f"invalid URL: {error}", False
        if self._progress.step == ExchangeStep.SECURING:
            return tls_words(error)
        if self._progress.step is not None and self._progress.step > ExchangeStep.SECURING:
            return f"the server broke the connection {self._when()}{behind_colon(os_words(error))}", True
        return self._connection_words(error)

    def _connection_words(self, error: BaseException) -> Tuple[str, bool]:
        words = os_words(error) or str(error) or type(error).__name__
        if self._bind is not None:
            number = getattr(error, "errno", None)
            if number == errno.EADDRNOTAVAIL:
                return f"{self._bind} {_OPTIONS} is not an address of this host", False
            if number == errno.EAFNOSUPPORT:
                return f"the host has no address of the same family as {self._bind} {_OPTIONS}", False
            words += f" (from {self._bind})"
        # A name that does not exist will not exist in a moment; what cannot be found out now may be known then.
        lasting = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
        return words, isinstance(error, (httpx.NetworkError, OSError)) and not lasting

    def _when(self) -> str:
        if self._progress.step == ExchangeStep.RECEIVING:
            return f"in the middle of the answer, after {self._progress.received:,} bytes"
        return "before it answered" if self._progress.step == ExchangeStep.WAITING else "while the request was sent"

    def _too_late(self) -> str:
        if self._progress.step == ExchangeStep.CONNECTING:
            return f"no connection within {self._connect_limit:g} seconds"
        if self._progress.step == ExchangeStep.SECURING:
            return f"connected, but the TLS handshake did not finish within {self._connect_limit:g} seconds"
        if self._progress.step == ExchangeStep.RECEIVING:
            arrived = f"{self._progress.received:,} bytes had arrived"
            return f"the answer was not complete within {self._limit:g} seconds; {arrived}"
        return f"no answer within {self._limit:g} seconds"

    def _answer_words(self, error: BaseException) -> Tuple[str, bool]:
        """Return what is wrong with the answer: a broken connection may pass, what is not HTTP will not."""
        words = str(error)
        if isinstance(error, zlib.error):
            return f"the answer cannot be decompressed: {words.rpartition(': ')[2]}", True
        line = re.search(r"illegal (?:status|request) line: (?:bytearray\()?b(['\"])(.*)\1", words)
        if line is not None:
            return f"the host did not answer with HTTP: {shorten(line[2])}", False
        if "without sending complete message body" in words or "incomplete chunked read" in words:
            expected = re.search(r"expected ([0-9]+)", words)
            of = f" of {int(expected[1]):,}" if expected else ""
            return f"the answer was cut off after {self._progress.received:,}{of} bytes", True
        for part, meaning in _BAD_ANSWERS.items():
            if part in words:
                return meaning
        return f"the answer is not valid HTTP: {words}", False
