"""What went wrong with a connection, in words: errors of the operating system and of OpenSSL, and their meaning."""

from __future__ import annotations

import os
import re
import ssl
from typing import Tuple

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
