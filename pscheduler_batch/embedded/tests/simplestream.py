"""The ``simplestream`` test: send a text over a TCP connection (recordings b19, g-m-stream, t-stream)."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime, timedelta, timezone
from typing import Any, AsyncIterator, Callable, Dict, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.embedded.measurement import Measurement, Row
from pscheduler_batch.embedded.measuring.addresses import resolve
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.spec import (
    DURATION,
    HOST,
    HOST_PORT,
    IP_PORT,
    IP_VERSION,
    PROBABILITY,
    STRING,
    SpecChecker,
    growing_schemas,
    option,
    seconds,
)
from pscheduler_batch.embedded.test import Outcome, participant, reason_of
from pscheduler_batch.iso8601 import format_duration

_V1 = {
    "dawdle": option(DURATION, "Longest random delay before sending", short="d"),
    "dest": option(HOST, "Host that receives", short="e"),
    "dest-node": option(HOST_PORT, "pScheduler node of the destination, if different"),
    "fail": option(PROBABILITY, "Probability of a failure, from 0 to 1", short="f"),
    "source": option(HOST, "Host that sends", short="s"),
    "source-node": option(HOST_PORT, "pScheduler node of the source, if different"),
    "test-material": option(STRING, "Text to send", short="m"),
    "timeout": option(DURATION, "How long the receiver waits", short="t"),
}
_V2 = {"ip-version": option(IP_VERSION, "IP version to use, 4 or 6", short="i")}
_V3 = {"port": option(IP_PORT, "Port to listen on", short="p")}
_TIMEOUT = "PT5S"
_USUAL = 0.5
_WITHOUT_CONNECTION = "The sender failed before it connected."


class SimplestreamTest(Measurement):
    """Sends a text from this machine to itself over a real connection."""

    name = "simplestream"
    description = "Test communication between two hosts using TCP"
    tool = "simplestreamer"
    checker = SpecChecker(growing_schemas(_V1, _V2, _V3, required=["dest"]))
    here = ("source", "source-node", "dest-node")
    dest_here = "dest"

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """Take the function that draws a number from 0 up to, but not including, 1."""
        self._chance = chance

    def participants(self, spec: Mapping[str, Any]) -> Sequence[Optional[str]]:
        """Return both ends, as in recording b19."""
        return [spec.get("source-node", spec.get("source")), spec.get("dest-node", spec["dest"])]

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the maximum duration within one machine, including the delay before sending."""
        dawdling = seconds(spec, "dawdle", "P0D")
        return timedelta(seconds=dawdling + min(_USUAL, seconds(spec, "timeout", _TIMEOUT)))

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Listen, wait, connect, send and receive."""
        if self._chance() < spec.get("fail", 0.0):
            failed = participant(None, error="Randomly-induced failure", succeeded=False)
            yield _failed(failed, participant(None, error=_WITHOUT_CONNECTION, succeeded=False))
            return
        dawdled = self._chance() * seconds(spec, "dawdle", "P0D")
        timeout = dawdled + seconds(spec, "timeout", _TIMEOUT)
        try:
            yield await insist(asyncio.wait_for(_stream(spec, dawdled), timeout))
        except asyncio.TimeoutError:
            yield _failed(*[participant(None, error="Timed out", succeeded=False)] * 2)
        except OSError as error:
            yield _failed(*[participant(None, error=reason_of(error), succeeded=False)] * 2)

    def rows(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Row]:
        """Return the texts and the times."""
        return [
            ("Dawdled", result["dawdled"]),
            ("Text Sent", result["sent"]),
            ("Text Received", result["received"]),
            ("Elapsed Time", result["elapsed-time"]),
        ]


async def _stream(spec: Mapping[str, Any], dawdled: float) -> Outcome:
    version = spec.get("ip-version")
    source = await resolve(spec["source"], version) if "source" in spec else None
    family, address = await resolve(spec["dest"], version, family=source[0] if source else 0)
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            data = await reader.read(-1)
            if not arrived.done():
                arrived.set_result(data)
        finally:
            writer.close()

    started = time.perf_counter()
    server = await asyncio.start_server(receive, address, spec.get("port", 0), family=family)
    try:
        name = server.sockets[0].getsockname()
        await asyncio.sleep(dawdled)
        sent = spec.get("test-material", f"Data sent at {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S.%f}")
        await _send(sent, (address, name[1]), source[1] if source else None)
        received = (await arrived).decode(errors="replace")
    finally:
        server.close()
    elapsed = format_duration(timedelta(seconds=time.perf_counter() - started))
    sender = {"sent": sent, "dawdled": format_duration(timedelta(seconds=dawdled))}
    receiver = {"received": received, "elapsed-time": elapsed}
    return Outcome(
        merged={"schema": 1, "succeeded": True, **sender, **receiver},
        full=(
            participant(sender, diags="Try 1 succeeded."),
            participant(receiver, diags=f"Listening on {name[:2]}\nSocket family is {int(family)}"),
        ),
    )


async def _send(text: str, dest: Tuple[str, int], source: Optional[str]) -> None:
    _, writer = await asyncio.open_connection(*dest, local_addr=(source, 0) if source else None)
    try:
        writer.write(text.encode())
        writer.write_eof()
        await writer.drain()
    finally:
        writer.close()


def _failed(*full: Dict[str, Any]) -> Outcome:
    return Outcome(merged={"succeeded": False}, full=full)
