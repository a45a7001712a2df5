"""Tests of which host is asked, and which one measures (ADR 12)."""

from __future__ import annotations

import socket

import pytest

from pscheduler_batch.errors import BatchError
from pscheduler_batch.scheduler.hosts import find_hosts, this_host
from pscheduler_batch.settings import Settings

HERE = {"PSCHEDULER_LOCALHOST": "here.example.net"}


@pytest.fixture
def machine(monkeypatch):
    """A machine whose name is known, and resolves unless told otherwise."""
    monkeypatch.setattr(socket, "gethostname", lambda: "machine.example.net")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    return monkeypatch


def unresolvable(error):
    """Make a look-up of names that fails."""

    def getaddrinfo(*_):
        raise error

    return getaddrinfo


def test_this_host_is_what_the_environment_says(machine):
    """PSCHEDULER_LOCALHOST comes first."""

    assert this_host(HERE) == "here.example.net"


@pytest.mark.parametrize("environ", [{}, {"PSCHEDULER_LOCALHOST": ""}])
def test_this_host_is_the_machine_by_its_name(machine, environ):
    """If that resolves."""

    assert this_host(environ) == "machine.example.net"


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long"), OSError()])
def test_this_host_is_loopback_where_its_name_does_not_resolve(machine, error):
    """However the look-up fails."""
    machine.setattr(socket, "getaddrinfo", unresolvable(error))

    assert this_host({}) == "localhost"


def test_where_all_is_named_nothing_is_looked_up(machine):
    """Where names cannot be looked up at the moment, that takes long."""
    machine.setattr(socket, "getaddrinfo", unresolvable(AssertionError("looked up")))
    hosts = find_hosts(Settings(lead="lead.example.net"), environ={"PSCHEDULER_ASSIST": "assist.example.net"})

    assert (hosts.assist, hosts.lead) == ("assist.example.net", "lead.example.net")


def test_without_options_all_is_this_host():
    """No lead was named, so the error of a host without pScheduler can say so."""
    hosts = find_hosts(Settings(), environ=HERE)

    assert (hosts.assist, hosts.lead, hosts.lead_named) == ("here.example.net", "here.example.net", False)
    assert (hosts.assist_bind, hosts.bind, hosts.only) == (None, None, None)


def test_the_assist_is_the_option_then_the_environment():
    """In this order."""
    environ = {**HERE, "PSCHEDULER_ASSIST": "env.example.net"}

    assert find_hosts(Settings(assist="option.example.net"), environ=environ).assist == "option.example.net"
    assert find_hosts(Settings(), environ=environ).assist == "env.example.net"


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_assist_never_becomes_the_lead(how):
    """A measurement must not silently start from another place."""
    environ = {**HERE, "PSCHEDULER_ASSIST": "assist.example.net"} if how == "environment" else HERE
    hosts = find_hosts(Settings(assist="assist.example.net" if how == "option" else None), environ=environ)

    assert (hosts.lead, hosts.lead_named) == ("here.example.net", False)


def test_a_lead_that_is_named_is_the_lead():
    """And is known to be named."""
    hosts = find_hosts(Settings(lead="lead.example.net"), environ=HERE)

    assert (hosts.assist, hosts.lead, hosts.lead_named) == ("here.example.net", "lead.example.net", True)


def test_empty_options_are_none():
    """A script may give an option an empty variable."""
    hosts = find_hosts(Settings(assist="", assist_bind="", lead="", bind=""), environ=HERE)

    assert hosts == find_hosts(Settings(), environ=HERE)


def test_bind_addresses_are_options_then_the_environment():
    """The environment only has one for the assist."""
    environ = {**HERE, "PSCHEDULER_ASSIST_BIND": "192.0.2.9"}

    assert find_hosts(Settings(assist_bind="192.0.2.1", bind="192.0.2.2"), environ=environ).assist_bind == "192.0.2.1"
    assert find_hosts(Settings(bind="192.0.2.2"), environ=environ).assist_bind == "192.0.2.9"
    assert find_hosts(Settings(bind="192.0.2.2"), environ=environ).bind == "192.0.2.2"
    assert find_hosts(Settings(), environ=environ).bind is None


@pytest.mark.parametrize(
    ("given", "netloc"),
    [
        ("ps.example.net", "ps.example.net"),
        ("ps.example.net:8443", "ps.example.net:8443"),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:8443", "192.0.2.1:8443"),
        ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("::1", "[::1]"),
    ],
)
def test_hosts_may_be_written_in_any_way(given, netloc):
    """With and without a port, by name or address; in options and in the environment."""
    hosts = find_hosts(Settings(assist=given, lead=given), environ=HERE)

    assert (hosts.assist, hosts.lead) == (netloc, netloc)
    assert find_hosts(Settings(), environ={"PSCHEDULER_ASSIST": given, "PSCHEDULER_LOCALHOST": given}).assist == netloc


@pytest.mark.parametrize(
    "given", ["https://ps.example.net", "ps.example.net:0", "ps:99999", "a b", "ps:x", "[::1", "a@b"]
)
def test_what_is_no_host_is_refused_by_name(given):
    """Before anything is sent."""

    with pytest.raises(BatchError, match=r"not a host|not an IPv6") as caught:
        find_hosts(Settings(lead=given), environ=HERE)
    assert given.strip("[]") in str(caught.value)
