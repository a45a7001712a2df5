"""The ``http`` test: the response time of a web server (recording b23)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, AsyncIterator, Callable, Dict, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlsplit

import httpx

from pscheduler_batch.embedded.measurement import HostMeasurement, Row
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.measuring.http_fetch import fetch
from pscheduler_batch.embedded.spec import (
    BOOLEAN,
    CARDINAL_ZERO,
    DURATION,
    HOST,
    HOST_PORT,
    IP_VERSION,
    STRING,
    SpecChecker,
    growing_schemas,
    option,
    seconds,
    span,
)
from pscheduler_batch.embedded.test import Outcome, failure, reason_of, success
from pscheduler_batch.iso8601 import format_duration

_URL = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9+.-]*:", "x-invalid-message": "%s is not a valid URL."}
_V1 = {
    "host": option(HOST, "Host that runs the test"),
    "host-node": option(HOST_PORT, "pScheduler node of the host, if different"),
    "parse": option(STRING, "Text to look for in the response"),
    "timeout": option(DURATION, "How long to wait for the response"),
    "url": option(_URL, "URL to fetch"),
}
_V2 = {
    "always-succeed": option(BOOLEAN, "Succeed whatever the status of the response is"),
    "keep-content": option(
        CARDINAL_ZERO, "Number of bytes of the content to keep, optionally with an SI unit; 0 is all", form="si"
    ),
}
_V3 = {"ip-version": option(IP_VERSION, "IP version to use, 4 or 6")}
_V4 = {
    "headers": option(
        {"type": "object", "additionalProperties": STRING},
        "Header to send, as NAME: VALUE; can be repeated",
        names=["header"],
        form="headers",
    )
}
_TIMEOUT = "PT5S"
_SETTLING = timedelta(seconds=0.5)


class HttpTest(HostMeasurement):
    """Fetches a URL, following redirects, whatever certificate the server has."""

    name = "http"
    description = "Measure HTTP Response Time"
    tool = "psurl"
    checker = SpecChecker(growing_schemas(_V1, _V2, _V3, _V4, required=["url"]))

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Take a clock in seconds."""
        self._clock = clock

    def null_reason(self) -> Mapping[str, str]:
        """Return the words of recording b23."""
        return {"null-reason": "No host specified"}

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse schemes other than http and https."""
        scheme = urlsplit(spec["url"]).scheme
        if scheme not in ("http", "https"):
            return f"URLs that begin with {scheme}: are not supported; use http: or https:."
        return super().unable(spec)

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the longest time that an answer may take."""
        return span(spec, "timeout", _TIMEOUT) + _SETTLING

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Fetch the URL once."""
        try:
            response, elapsed = await insist(self._fetch(spec))
        except TimeoutError:
            yield failure("Timeout")
            return
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as error:
            yield failure(reason_of(error))
            return
        if response.is_error and not spec.get("always-succeed", False):
            yield failure(f"The server answered {response.status_code} {response.reason_phrase}".rstrip())
            return
        yield success(_result(spec, response, timedelta(seconds=elapsed)), error="")

    async def _fetch(self, spec: Mapping[str, Any]) -> Tuple[httpx.Response, float]:
        return await fetch(
            spec["url"],
            seconds(spec, "timeout", _TIMEOUT),
            headers=spec.get("headers"),
            ip_version=spec.get("ip-version"),
            clock=self._clock,
        )

    def rows(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Row]:
        """Return the time, the status, and whether the text was found."""
        rows = [("Response Time", result["time"])]
        rows += [("Status Code", result["status"])] if "status" in result else []
        rows += [("String Found", "Yes" if result["found"] else "No")] if "found" in result else []
        return rows


def _result(spec: Mapping[str, Any], response: httpx.Response, elapsed: timedelta) -> Dict[str, Any]:
    """Return the result in the version that goes with the specification's: 1 with 1, 2 with all later ones."""
    version = 1 if spec.get("schema", 1) == 1 else 2
    result: Dict[str, Any] = {"schema": version, "succeeded": True, "time": format_duration(elapsed)}
    if "parse" in spec:
        result["found"] = spec["parse"] in response.text
    if version > 1:
        result.update({"status": response.status_code, "headers": dict(response.headers)})
        if "keep-content" in spec:
            kept = response.content[: spec["keep-content"] or None]
            result["content"] = kept.decode(response.encoding or "utf-8", errors="replace")
    return result
