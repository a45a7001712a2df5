"""
Which hosts a site means: names, patterns such as ``*.example.net``, addresses, networks, and this host.

Names are compared, never looked up: the answer could be another one when the host is measured. So an
allowed network allows the addresses in it, not names that resolve to them. An IPv4 address written as an IPv6 one
(``::ffff:192.0.2.1``) is that IPv4 address, in a network as well.
"""

from __future__ import annotations

import os
import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Iterable, Mapping, Optional, Union

from pscheduler_batch.http.urls import netloc

ANY = "*"

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]
Host = Union[str, Address]

_LABEL = "[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
# Resolvers read names that end in a number, such as 0x7f.1 or 2130706433, as addresses.
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\Z){_LABEL}")
_PORT = re.compile(r":[0-9]+\Z")
_LONGEST_NAME = 253
_IPV4 = 4
_DISCARD_PORT = 9


def is_pattern(text: str) -> bool:
    """
    Return whether a text of the permission file names hosts.

    >>> [is_pattern(text) for text in ("*", "*.example.net", "192.0.2.0/24", "ps*", "192.0.2.1/24", "a b")]
    [True, True, True, False, False, False]
    """
    return text == ANY or _network(text) is not None or _plain_name(text.removeprefix("*.")) is not None


def plain_host(text: str) -> Optional[Host]:
    """
    Return the host in a spec, a URL or a task, without its port and in one spelling; None if it is not a host.

    >>> plain_host("PS1.Example.NET.:8443"), plain_host("[::ffff:192.0.2.1]:443"), plain_host("0x7f.1")
    ('ps1.example.net', IPv4Address('192.0.2.1'), None)
    """
    try:
        host = netloc(text[: 2 * _LONGEST_NAME])
    except ValueError:
        return None
    host = _PORT.sub("", host)
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return _plain_name(host)
    return _unmapped(address)


def matches(host: Host, patterns: Iterable[str], *, with_this_host: bool = False) -> bool:
    """
    Return whether a host is one of those that patterns name.

    Args:
        host: As from :func:`plain_host`.
        patterns: Those of the permission file.
        with_this_host: Whether this host matches, whatever the patterns are.
    """
    return any(_matches(host, pattern) for pattern in patterns) or (with_this_host and is_this_host(host))


def is_this_host(host: Host, environ: Mapping[str, str] = os.environ) -> bool:
    """
    Return whether a host is this one, without asking any other host.

    Args:
        host: As from :func:`plain_host`.
        environ: The environment, in which the site may set ``PSCHEDULER_LOCALHOST``.
    """
    if not isinstance(host, str):
        return host.is_loopback or _is_own_address(host)
    named = environ.get("PSCHEDULER_LOCALHOST")
    own = (plain_host(name) for name in ("localhost", socket.gethostname(), named) if name)
    return host in own


def _matches(host: Host, pattern: str) -> bool:
    if pattern == ANY:
        return True
    if isinstance(host, str):
        name = _plain_name(pattern.removeprefix("*."))
        return name is not None and (host.endswith(f".{name}") if pattern.startswith("*.") else host == name)
    network = _network(pattern)
    return network is not None and host in network


def _plain_name(text: str) -> Optional[str]:
    name = text.lower().removesuffix(".")
    return name if len(name) <= _LONGEST_NAME and text.isascii() and _NAME.fullmatch(name) else None


def _network(text: str) -> Optional[Network]:
    try:
        network = ip_network(text)
    except ValueError:
        return None
    first = _unmapped(network.network_address)
    # Only a network of mapped addresses alone, of 96 bits or more, begins with one.
    return ip_network(f"{first}/{network.prefixlen - (network.max_prefixlen - first.max_prefixlen)}")


def _unmapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _is_own_address(address: Address) -> bool:
    """
    Return whether an address is one of this host's.

    Connecting a UDP socket sends nothing; the system only chooses the address to send from, which is the same one for
    own addresses.
    """
    family = socket.AF_INET if address.version == _IPV4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _DISCARD_PORT))
            return ip_address(probe.getsockname()[0]) == address
    except (OSError, ValueError):
        return False
