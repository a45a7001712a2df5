"""What went wrong with a connection, in words."""

from __future__ import annotations

import errno
import os
import ssl

import pytest

from pscheduler_batch.http.connection_errors import behind_colon, os_words, tls_words


def tls_error(reason):
    """Make an error such as OpenSSL raises."""
    error = ssl.SSLError(1, "[SSL] something (_ssl.c:1000)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words", "may_pass"),
    [
        (tls_error("WRONG_VERSION_NUMBER"), "the host does not speak TLS on this port; is it the right port?", False),
        (
            tls_error("NO_CIPHERS_AVAILABLE"),
            "TLS handshake failed, no TLS version or cipher in common with the server: no ciphers available",
            True,
        ),
        (
            tls_error(None),
            f"TLS handshake failed, no TLS version or cipher in common with the server: {tls_error(None)}",
            True,
        ),
        (ssl.SSLEOFError(8, "EOF"), "the server closed the connection during the TLS handshake", True),
        (
            ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
            "the server closed the connection during the TLS handshake: Connection reset by peer",
            True,
        ),
    ],
)
def test_why_no_tls_came_about_is_said(error, words, may_pass):
    """And whether it may be otherwise in a moment."""

    assert tls_words(error) == (words, may_pass)


def test_a_certificate_that_openssl_alone_knows_about_is_refused_in_its_words():
    """There are many error numbers; the administrator of the server can look them up."""
    error = ssl.SSLCertVerificationError(1, "refused")
    error.verify_code, error.verify_message = 24, "invalid CA certificate."

    words, may_pass = tls_words(error)

    assert "certificate verify failed: invalid CA certificate; the administrator of the server has to fix that" in words
    assert not may_pass


def test_where_nothing_is_known_nothing_is_said():
    """No empty words behind a colon."""

    assert [behind_colon(os_words(error)) for error in (ValueError("no"), OSError(), ssl.SSLError(1, "no"))] == [""] * 3
