"""
Resolve names, and find out which names and addresses are this machine's.

An address is this machine's if a socket can be bound to it, and a name if it resolves to such an address. In a
measurement, ``source``, ``host`` and ``…-node`` must be this machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any, Mapping, Optional, Sequence, Tuple

Address = Tuple[int, str]
"""The family (``socket.AF_INET`` or ``AF_INET6``) and the address as text."""

_SIX = 6
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_REVERSE_SECONDS = 2.0


def without_port(name: str) -> str:
    """
    Return a host without its port and brackets.

    >>> [without_port(name) for name in ("a:443", "[::1]:443", "[::1]", "::1", "a")]
    ['a', '::1', '::1', '::1', 'a']
    """
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0] if name.count(":") == 1 else name


def is_this_machine(name: str, ip_version: Optional[int] = None) -> Optional[bool]:
    """
    Return whether a host is this machine, or None if its name does not resolve.

    Uses the name service, so it may take a while for names that are not known locally.
    """
    plain = without_port(name)
    if plain == socket.gethostname():
        return True
    try:
        found = _getaddrinfo(plain, ip_version)
    except OSError:
        return None
    return any(_can_bind(family, address) for family, address in found)


def is_loopback(name: str) -> bool:
    """Return whether a host is a loopback address or ``localhost``, without using the name service."""
    plain = without_port(name)
    try:
        return ipaddress.ip_address(plain).is_loopback
    except ValueError:
        return plain.lower() == "localhost"


def not_here(spec: Mapping[str, Any], fields: Sequence[str], *, dest: Optional[str] = None) -> Optional[str]:
    """
    Return why a measurement cannot be made from this machine alone, or None if it can.

    Args:
        spec: The specification.
        fields: The fields that must resolve to this machine.
        dest: A field that must be this machine if it resolves; otherwise the run fails, as on any server.
    """
    version = spec.get("ip-version")
    for field in fields:
        if field in spec:
            here = is_this_machine(spec[field], None if field.endswith("-node") else version)
            if here is None:
                return f"{field} {spec[field]} does not resolve, so it is not a name of this machine."
            if not here:
                return f"{field} {spec[field]} is not an address of this machine."
    if dest is not None and is_this_machine(spec[dest]) is False:
        return f"{dest} {spec[dest]} is not an address of this machine, and this server does not contact other servers."
    return None


async def resolve(name: str, ip_version: Optional[int] = None, *, family: int = 0) -> Address:
    """
    Return the first address of a host, without blocking the event loop.

    Raises:
        OSError: The host does not resolve; the text names it.
    """
    found = await asyncio.get_running_loop().run_in_executor(None, _getaddrinfo, name, ip_version, family)
    return found[0]


async def hostname_of(address: str) -> Optional[str]:
    """Return the name of an address, or None if there is none or the name service does not answer in time."""
    loop = asyncio.get_running_loop()
    try:
        name, _ = await asyncio.wait_for(loop.getnameinfo((address, 0), socket.NI_NAMEREQD), _REVERSE_SECONDS)
    except (OSError, asyncio.TimeoutError):
        return None
    return name


def likely_family(spec: Mapping[str, Any]) -> int:
    """Return the likely address family of a specification's destination, without resolving it."""
    six = spec.get("ip-version") == _SIX or spec["dest"].count(":") > 1
    return socket.AF_INET6 if six else socket.AF_INET


def version_of(family: int) -> int:
    """Return the IP version of an address family."""
    return 6 if family == socket.AF_INET6 else 4


def _getaddrinfo(name: str, ip_version: Optional[int], family: int = 0) -> Sequence[Address]:
    wanted = family or (_FAMILIES[ip_version] if ip_version else 0)
    try:
        found = socket.getaddrinfo(name, None, wanted, socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(f"cannot resolve {name}: {reason}") from error
    return [(int(info[0]), str(info[4][0])) for info in found]


def _can_bind(family: int, address: str) -> bool:
    plain = ipaddress.ip_address(address.partition("%")[0])
    if plain.is_unspecified or plain.is_multicast:
        return False
    try:
        target = socket.getaddrinfo(address, 0, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(target)
    except OSError:
        return False
    return True
