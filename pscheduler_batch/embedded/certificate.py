"""The certificate of the embedded server, issued when the server starts."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import List

import trustme


@dataclass(frozen=True)
class Issued:
    """
    The content of the files of a certificate, so that a restarted server can have the same one.

    Attributes:
        ca: The CA certificate.
        server: The server's key and certificates.
    """

    ca: bytes
    server: bytes = field(repr=False)


@dataclass(frozen=True)
class Certificate:
    """
    A certificate, its key and its CA certificate, as files that only this user can read.

    Attributes:
        folder: The directory of the files, with the same restriction.
    """

    folder: Path

    @property
    def ca_file(self) -> Path:
        """The CA certificate, which a client needs to verify the server."""
        return self.folder / "ca.pem"

    @property
    def server_file(self) -> Path:
        """The server's key and certificates."""
        return self.folder / "server.pem"

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def issue_certificate(host: str) -> Issued:
    """
    Issue a certificate for the loopback addresses, this machine's name and one more host.

    Args:
        host: The address or name that the server listens on.
    """
    authority = trustme.CA(organization_name="pscheduler-batch embedded server")
    certificate = authority.issue_cert(*_identities(host))
    return Issued(authority.cert_pem.bytes(), certificate.private_key_and_cert_chain_pem.bytes())


def write_certificate(issued: Issued) -> Certificate:
    """Write a certificate to a new directory."""
    written = Certificate(Path(tempfile.mkdtemp(prefix="pscheduler-batch-")))
    _write(written.ca_file, issued.ca)
    _write(written.server_file, issued.server)
    return written


def _identities(host: str) -> List[str]:
    """Return the hosts that the certificate is for, without names that are invalid in a certificate."""
    identities = ["localhost", "127.0.0.1", "::1"]
    for name in (host, socket.gethostname()):
        if name not in identities and name.isascii() and "_" not in name and name:
            identities.append(name)
    return identities


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
