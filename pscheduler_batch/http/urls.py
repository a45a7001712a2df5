"""Hosts and URLs, as they are typed and as messages show them."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urlsplit

MAX_PORT = 65535


def netloc(host: str) -> str:
    """
    Return the host part of a URL for a host as people write it (ADR 12).

    >>> [netloc(h) for h in ("ps.example.net", "ps.example.net:8443", "192.0.2.1", "[2001:db8::1]:443", "2001:db8::1")]
    ['ps.example.net', 'ps.example.net:8443', '192.0.2.1', '[2001:db8::1]:443', '[2001:db8::1]']

    Raises:
        ValueError: It is not a host; the text says why.
    """
    if not host or re.search(r"[\s/?#@\\]", host):
        message = f'"{host}" is not a host: give a name or an address, optionally with ":PORT"'
        raise ValueError(message)
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    match = re.fullmatch(r"(?P<name>\[(?P<v6>[^\]]*)\]|[^:\[\]]+)(?::(?P<port>[0-9]+))?", host)
    if match is None or (match.group("port") and not 0 < int(match.group("port")) <= MAX_PORT):
        message = f'"{host}" is not a host: give a name or an address, optionally with ":PORT"'
        raise ValueError(message)
    if match.group("v6") is not None:
        try:
            ipaddress.IPv6Address(match.group("v6").split("%")[0])
        except ValueError as error:
            message = f'"{host}" is not an IPv6 address'
            raise ValueError(message) from error
    return host


def shown(url: str) -> str:
    """Return a URL for a message: without its query, which may hold a whole test specification with its secrets."""
    return url.split("?", 1)[0]


def host_of(url: str) -> str:
    """
    Return the host of a URL, with its port; the same host is always written in the same way.

    >>> host_of("https://PS.example.net:443/pscheduler"), host_of("https://[2001:db8::1]:8443/pscheduler")
    ('ps.example.net', '[2001:db8::1]:8443')
    """
    # The same few hosts come again and again, each time with another path.
    scheme, separator, rest = url.partition("://")
    return _host_of(scheme + separator + rest.partition("/")[0])


@lru_cache(maxsize=256)
def _host_of(url: str) -> str:
    parts = urlsplit(url)
    default = ":443" if parts.scheme == "https" else ":80"
    host = parts.netloc.lower()
    return host.removesuffix(default)
