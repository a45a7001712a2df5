"""Find out which host runs a task (ADR 12)."""

from __future__ import annotations

import asyncio
import json
from typing import Dict, Optional, Tuple

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.http.request import Purpose, Request
from pscheduler_batch.http.response import INTERNAL, NOT_FOUND, Reply
from pscheduler_batch.model import JSONObject
from pscheduler_batch.scheduler.api import decipher_json, decipher_participants, participants_url, test_url
from pscheduler_batch.scheduler.client import SchedulerClient

DOING = "finding participants"

Participants = Tuple[Optional[str], ...]


class LeadFinder:
    """Finds leads; asks for the participants of each test once."""

    def __init__(self, client: SchedulerClient) -> None:
        self._client = client
        self._asked: Dict[str, asyncio.Task[Participants]] = {}

    async def find_lead(self, task: JSONObject) -> str:
        """
        Return the host that leads a task: its first participant; null stands for the lead named, or this host.

        Raises:
            SchedulerError: The assist did not answer, or refused.
        """
        test = task["test"]
        first = (await self._ask_participants(test["type"], test["spec"]))[0]
        hosts = self._client.hosts
        if hosts.only is not None:
            return hosts.only
        return hosts.lead if first is None else first

    async def _ask_participants(self, test_type: str, spec: object) -> Participants:
        """Ask the assist once for each type and spec; iterations that ask at the same time share the answer."""
        key = json.dumps([test_type, spec], sort_keys=True)
        asking = self._asked.get(key)
        if asking is None or (asking.done() and (asking.cancelled() or asking.exception() is not None)):
            asking = asyncio.ensure_future(self._fetch_participants(test_type, spec))
            self._asked[key] = asking
        return await asyncio.shield(asking)

    async def _fetch_participants(self, test_type: str, spec: object) -> Participants:
        url = participants_url(self._client.hosts.assist, test_type, spec)
        reply = await self._ask_assist(url, Purpose.LOOK_UP)
        if reply.status in (INTERNAL, NOT_FOUND) and not reply.overloaded:
            # For a test that it does not have, a server only says "Internal problem"; the URL of the test tells more.
            await self._require_test(test_type)
        return decipher_participants(reply, url=url)

    async def _require_test(self, test_type: str) -> None:
        url = test_url(self._client.hosts.assist, test_type)
        reply = await self._ask_assist(url)
        if reply.status == NOT_FOUND:
            decipher_json(reply, doing=DOING, url=url)

    async def _ask_assist(self, url: str, purpose: Purpose = Purpose.OTHER) -> Reply:
        hosts = self._client.hosts
        try:
            return await self._client.http.request(Request("GET", url, DOING, purpose, bind=hosts.assist_bind))
        except UnreachableError as error:
            if hosts.assist != hosts.lead or hosts.lead_named:
                raise
            hint = "; that is this host: name an --assist and a --lead that run pScheduler"
            raise UnreachableError(error.reason, doing=error.doing, url=error.url, hint=hint) from error

    async def aclose(self) -> None:
        """Cancel the questions that nothing waits for any more."""
        for asking in self._asked.values():
            asking.cancel()
        # Includes those that failed unnoticed, as asyncio complains about exceptions that were never retrieved.
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
