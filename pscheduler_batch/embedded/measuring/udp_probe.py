"""UDP probes whose ICMP errors come back on the socket itself, which Linux allows every account (``IP_RECVERR``)."""

from __future__ import annotations

import socket
import time
from typing import Dict, Iterator, Optional

from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary
from pscheduler_batch.embedded.measuring.icmp import Echo, EchoOptions

FIRST_PORT = 33434
_TRIES = 3


class UdpProbeSocket:
    """
    One UDP socket that probes the ports of one address; each probe goes to a port of its own.

    Raises:
        OSError: The socket cannot be opened, or (in ``send``) the packet cannot be sent.
    """

    kind = "UDP"

    def __init__(self, family: int, address: str, options: EchoOptions, *, first_port: int = FIRST_PORT) -> None:
        """Open the socket."""
        self._address = address
        self._options = options
        self._first_port = first_port
        self._sequences: Dict[int, int] = {}
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._prepare()
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Give the descriptor, for the event loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, sequence: int, *, ttl: Optional[int] = None) -> float:
        """Send one probe; return when, in seconds since 1970."""
        port = self._first_port + (sequence - 1) % (0x10000 - self._first_port)
        self._sequences[port] = sequence
        ancillary.set_ttl(self._socket, self._options.ttl if ttl is None else ttl)
        for left in reversed(range(_TRIES)):
            try:
                sent = time.time()
                self._socket.sendto(bytes(self._options.length), (self._address, port))
            except OSError:  # may be the error of an earlier probe, which is in the queue as well
                if not left:
                    raise
            else:
                break
        return sent

    def receive(self) -> Iterator[Echo]:
        """Give all ICMP errors that have arrived, without waiting."""
        for error in ancillary.queued_errors(self._socket):
            sequence = self._sequences.get(error.port)
            if sequence is not None:
                yield Echo(sequence, error.address, error.received, error=error.reason)

    def _prepare(self) -> None:
        sock = self._socket
        sock.settimeout(0)
        ancillary.ask_for_errors(sock)
        ancillary.ask_for_arrivals(sock)
        ancillary.set_tos(sock, self._options.tos)
        if not self._options.fragment:
            ancillary.forbid_fragments(sock)
        if self._options.source:
            sock.bind((self._options.source, 0))
