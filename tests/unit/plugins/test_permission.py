"""The permission of a site: its file, and each limit with attempts to get round it."""

from __future__ import annotations

import json
import os
import socket
from datetime import timedelta
from ipaddress import ip_address

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.plugins import host_patterns
from pscheduler_batch.plugins.enabling import why_disabled
from pscheduler_batch.plugins.permission import Permission, PermissionFileError, read_permission
from pscheduler_batch.transforms.pipeline import Transforms

FILE = "/etc/pscheduler/tool/batch-processor.json"
ALL = Permission(enabled=True, tests=("*",), hosts=("*",))


def allow(**pairs):
    """Make a permission for tests rtt, http and dns, at hosts of example.net."""
    hosts = ("*.example.net", "ps.example.org", "192.0.2.0/24", "2001:db8::/32")
    return Permission(**{"enabled": True, "tests": ("rtt", "http", "dns", "idle"), "hosts": hosts, **pairs})


def plan_of(*tasks, **pairs):
    """Plan a batch with a job for each task."""
    batch = load_batch({"schema": 3, "jobs": [{"task": task} for task in tasks], **pairs})
    return plan_batch(batch, Transforms(batch))


def task(test="rtt", spec=None, **pairs):
    """Write a task."""
    given = {"dest": "ps1.example.net"} if spec is None else spec
    return {"schema": 5, "test": {"type": test, "spec": given}, **pairs}


def refusals(permission, *tasks, **pairs):
    """Return the refusals of tasks."""
    return permission.refusals(plan_of(*tasks), duration=timedelta(minutes=1), **pairs)


def test_as_installed_nothing_is_allowed(tmp_path):
    """Neither without a file nor with an empty one; the reason is the only one."""
    missing = read_permission(str(tmp_path / "missing.json"))
    (tmp_path / "empty.json").write_text("{}")

    assert refusals(missing, task()) == [
        f"batches are not enabled on this host: {tmp_path}/missing.json does not exist"
    ]
    assert refusals(read_permission(str(tmp_path / "empty.json")), task()) == [
        f'batches are not enabled on this host: {tmp_path}/empty.json does not have "enabled": true'
    ]


def test_enabled_alone_allows_no_test():
    """Tests must be named."""
    assert refusals(Permission(enabled=True), task()) == [
        f'job-0/0: test "rtt" is not allowed; none are; the limits of this host are in {FILE}'
    ]


def test_what_is_allowed_has_no_refusal():
    """Allowed tests, at allowed hosts, and this host."""
    named = [{"dest": host} for host in ("ps1.example.net", "192.0.2.9", "2001:db8::5", "localhost", "127.0.0.1")]

    assert not refusals(allow(), *(task(spec=spec) for spec in named), task("idle", {"duration": "PT1S"}))


@pytest.mark.parametrize("name", ["throughput", "RTT", " rtt", "rtt ", "rtt\u200b"])
def test_a_test_that_is_not_named_is_refused(name):
    """Other spellings are other tests."""
    (refusal,) = refusals(allow(), task(name))

    assert "is not allowed; allowed: rtt, http, dns, idle" in refusal


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "example.net",
        "notexample.net",
        "ps1.example.net.evil.com",
        "evil.com/.example.net",
        "evil.com#.example.net",
        "evil.com@ps1.example.net",
        "evil.com\\.example.net",
        "evil.com\n.example.net",
        "evil.com%00.example.net",
        "evil.com .example.net",
        "192.0.3.1",
        "::ffff:198.51.100.1",
        "[::ffff:198.51.100.1]:443",
        "0",
        "0x7f000001",
        "0xc0000201.example",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "0.0.0.0",  # noqa: S104 - only compared
        "::",
        "255.255.255.255",
        "224.0.0.1",
        "\uff11\uff19\uff12.0.2.1",
        "ps1.example\u3002net",
        "64:ff9b::c000:201",
        "ps1.example.net:99999",
        "",
        7,
        ["evil.example.com"],
        {"ps1.example.net": 1},
    ],
)
def test_hosts_in_any_spelling(host):
    """Names are not looked up, and every spelling that a resolver could take for another host is refused."""
    for pair in ("dest", "source", "source-node", "dest-node", "host", "host-node", "nameserver"):
        spec = {"dest": "ps1.example.net", pair: host}
        (refusal,) = refusals(allow(hosts=("*.example.net", "192.0.2.0/24")), task(spec=spec))

        assert f"/test/spec/{pair}" in refusal


@pytest.mark.parametrize(
    "host",
    [
        "PS1.EXAMPLE.NET",
        "ps1.example.net.",
        "ps1.example.net:8443",
        "a.b.example.net",
        "ps.example.org",
        "::ffff:192.0.2.1",
        "[2001:db8::1]:443",
        "192.0.2.1:443",
    ],
)
def test_spellings_of_allowed_hosts(host):
    """Case, a dot at the end and the port make no difference."""
    assert allow().allows_host(host)


def test_a_name_that_dns_could_not_have_is_no_host():
    """The longest has 253 characters."""
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])

    assert host_patterns.plain_host(longest) == longest
    assert host_patterns.plain_host(f"{longest}a") is None


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        ("::ffff:192.0.2.1", ["192.0.2.1", "::ffff:c000:201"], ["192.0.2.2", "::ffff:192.0.2.2"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.255", "[::ffff:192.0.2.1]:443"], ["192.0.3.0", "::192.0.2.1"]),
        ("::ffff:0:0/96", ["203.0.113.1", "::ffff:203.0.113.1"], ["2001:db8::1", "::1:0:0:1"]),
        ("::/0", ["2001:db8::1"], ["203.0.113.1", "::ffff:203.0.113.1"]),
        ("192.0.2.0/24", ["::ffff:192.0.2.9"], ["::ffff:192.0.3.9", "::192.0.2.9"]),
    ],
)
def test_a_mapped_address_is_its_ipv4_address(pattern, allowed, refused):
    """In the file as in a task; a network of IPv6 has no IPv4 addresses, although it may have all mapped ones."""
    hosts = (*allowed, *refused)

    assert [host for host in hosts if host_patterns.matches(host_patterns.plain_host(host), (pattern,))] == allowed


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example.com/",
        "http://ps1.example.net@evil.example.com/",
        "http://evil.example.com\\@ps1.example.net/",
        "http://evil.example.com#@ps1.example.net/",
        "http://ps1.example.net:80@evil.example.com/",
        "//ps1.example.net/",
        "file:///etc/passwd",
        "gopher://ps1.example.net/",
        "http:ps1.example.net",
        "http://ps1.example.net /",
        "http://ps1.example.net\r\nHost: evil/",
        "http://ps1.example.net\t.evil.com/",
        "http://%65vil.example.com/",
        "http://[::ffff:198.51.100.1]/",
        "http://2130706433/",
        "http:///ps1.example.net",
        5,
    ],
)
def test_urls_of_specs(url):
    """The host of a URL is checked like others, and a URL that programs read differently is refused."""
    (refusal,) = refusals(allow(), task("http", {"url": url}))

    assert "/test/spec/url" in refusal


def test_urls_of_allowed_hosts():
    """Plain URLs with a path, a query or a port."""
    urls = ["https://ps1.example.net/a?b=c@d", "http://192.0.2.1:8080", "http://[2001:db8::1]/", "http://localhost/"]

    assert not refusals(allow(), *(task("http", {"url": url}) for url in urls))


def test_hosts_of_unknown_tests_need_any_host():
    """Which pairs of their specs are hosts is not known."""
    permission = allow(tests=("*",))

    (refusal,) = refusals(permission, task("openports", {"network": "198.51.100.0/24"}))
    assert 'the hosts of test "openports" are not known here, so it requires "hosts": ["*"]' in refusal
    assert not refusals(allow(tests=("*",), hosts=("*",)), task("openports", {"network": "198.51.100.0/24"}))


def test_an_array_of_hosts_is_checked():
    """Version 2 of the test idle has one."""
    (refusal,) = refusals(allow(), task("idle", {"host": ["ps1.example.net", "evil.example.com"]}))

    assert 'host "evil.example.com" is not allowed' in refusal


def test_this_host_is_always_allowed(monkeypatch):
    """By the names and addresses that it has itself; the batch runs here anyway."""
    monkeypatch.setenv("PSCHEDULER_LOCALHOST", "ps9.example.org")
    permission = allow(hosts=())

    assert all(map(permission.allows_host, ("localhost", socket.gethostname(), "ps9.example.org", "127.8.9.1", "::1")))
    assert not any(map(permission.allows_host, ("ps1.example.org", "192.0.2.1", "2001:db8::1")))


def test_own_addresses_are_found_without_asking_others():
    """The address that the system would send from."""
    assert host_patterns._is_own_address(ip_address("127.0.0.1"))
    assert not host_patterns._is_own_address(ip_address("192.0.2.1"))
    assert not host_patterns._is_own_address(ip_address("0.0.0.0"))  # noqa: S104 - only compared


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("archives", [{"archiver": "http", "data": {"_url": "https://evil.example.com/"}}]),
        ("contexts", {"contexts": [[{"context": "linuxnns", "data": {"namespace": "x"}}]]}),
        ("lead-bind", "192.0.2.7"),
        ("priority", 100),
    ],
)
def test_guarded_pairs_need_permission(name, value):
    """Also where a transform adds the pair."""
    transform = {"script": f".[{json.dumps(name)}] = {json.dumps(value)}"}
    added = plan_of(task(), **{"global": {"transform-post": transform}})
    allowed = allow(**{name.replace("-", "_"): True})

    assert f'"{name}" is not allowed in tasks' in refusals(allow(), task(**{name: value}))[0]
    assert f'"{name}" is not allowed in tasks' in allow().refusals(added, duration=None)[0]
    assert not refusals(allowed, task(**{name: value}))


def test_iterations_count_over_all_jobs():
    """Splitting a job does not help, and disabled jobs do not count."""
    jobs = [{"task": task(), "iterations": 3}, {"task": task(), "iterations": 3}]
    disabled = {"task": task(), "iterations": 90, "enabled": False}
    batch = load_batch({"schema": 3, "jobs": [*jobs, disabled]})
    plan = plan_batch(batch, Transforms(batch))

    assert not allow(max_iterations=6).refusals(plan, duration=None)
    assert (
        allow(max_iterations=5)
        .refusals(plan, duration=None)[0]
        .startswith("the batch has 6 iterations, at most 5 are allowed")
    )


def test_the_duration_has_a_limit():
    """The longest one is allowed."""
    permission = allow(max_duration=timedelta(minutes=5))

    assert not permission.refusals(duration=timedelta(minutes=5))
    assert permission.refusals(duration=timedelta(minutes=5, seconds=1))[0].startswith(
        "the batch takes PT5M1S, at most PT5M is allowed"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/a.json",
        "https://batches.example.net@evil.example.com/",
        "https://batches.example.net\\.evil.com/",
        "http://batches.example.net/a.json",
        "HTTPS://batches.example.net/a.json",
        "ftp://batches.example.net/a.json",
        "file:///etc/shadow",
        "../secret.json",
        "/etc/shadow",
        "a/../../b",
        "a/b.json",
        "..",
        ".",
        ".hidden",
        "a\x00b",
        "",
        "-",
    ],
)
def test_batches_come_from_allowed_places(url):
    """No URL of another host or scheme, and no name that leads out of the directory."""
    permission = allow(batch_url=("batches.example.net",), batch_folder="/srv/batches")

    assert permission.refusals(duration=None, batch_url=url)


def test_batches_by_url_and_name():
    """Each needs its own permission; this host is no exception for URLs."""
    permission = allow(batch_url=("batches.example.net",), batch_folder="/srv/batches")

    for url in ("https://batches.example.net/a.json", "https://batches.example.net:8443/", "a.json"):
        assert not permission.refusals(duration=None, batch_url=url)
        assert allow().refusals(duration=None, batch_url=url)
    assert permission.refusals(duration=None, batch_url="https://localhost/a.json")


def test_refusals_are_few_and_say_where():
    """The same reason is written once, and a long list is cut."""
    many = refusals(allow(), *(task(spec={"dest": f"h{number}.example.com"}) for number in range(14)))
    batch = load_batch({"jobs": [{"label": "far", "task": task(spec={"dest": "x.example.com"}), "iterations": 3}]})
    same = allow().refusals(plan_batch(batch, Transforms(batch)), duration=None)

    assert len(many) == 11
    assert many[-1] == f"4 further reasons of this kind; the limits of this host are in {FILE}"
    assert same[0].startswith('far/0 and 2 more iterations: /test/spec/dest: host "x.example.com" is not allowed')


def test_refusals_have_no_secrets():
    """A secret that a transform put into a host is not shown."""
    leaking = {"script": ".test.spec.dest = $_secret", "args": {"_secret": "s3cr3tpassword.example.com"}}
    plan = plan_of(task(), **{"global": {"transform-post": leaking}})

    (refusal,) = allow().refusals(plan, duration=None)
    assert "s3cr3t" not in refusal


WHOLE = """{
    "#": "Everything",
    "schema": 1,
    "enabled": true,
    "tests": ["rtt"],
    "hosts": ["*.example.net", "192.0.2.0/24"],
    "max-iterations": 7,
    "max-duration": "PT1H",
    "max-connections": 3,
    "archives": true, "contexts": false, "lead-bind": true, "priority": false,
    "batch-url": ["batches.example.net"],
    "batch-folder": "/srv/batches"
}"""


def test_the_file_is_read(tmp_path):
    """Every pair, with comments."""
    path = tmp_path / "batch-processor.json"
    path.write_text(WHOLE)

    assert read_permission(str(path)) == Permission(
        enabled=True,
        tests=("rtt",),
        hosts=("*.example.net", "192.0.2.0/24"),
        max_iterations=7,
        max_duration=timedelta(hours=1),
        max_connections=3,
        archives=True,
        lead_bind=True,
        batch_url=("batches.example.net",),
        batch_folder="/srv/batches",
        source=str(path),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"enabled": "yes"}', '1:13: error: /enabled: found "yes", expected true or false'),
        ('{"enabled": 1}', "1:13: error: /enabled: found 1, expected true or false"),
        ('{\n "test": ["rtt"]}', '2:2: error: /test: this file has no pair "test"; did you mean "tests"?'),
        ('{"tests": "rtt"}', '1:11: error: /tests: found "rtt", expected an array of names of tests'),
        ('{"hosts": ["ok.example.net", "ps*"]}', '1:30: error: /hosts/1: found "ps*", expected an array of host names'),
        ('{"hosts": ["192.0.2.1/24"]}', '1:12: error: /hosts/0: found "192.0.2.1/24", expected'),
        ('{"hosts": ["*.*"]}', '1:12: error: /hosts/0: found "*.*", expected'),
        ('{"max-iterations": 0}', "1:20: error: /max-iterations: found 0, expected a whole number of 1 or more"),
        ('{"max-iterations": true}', "1:20: error: /max-iterations: found true, expected"),
        ('{"max-iterations": Infinity}', "1:20: error: /max-iterations: found Infinity, which is not JSON"),
        ('{"max-duration": "P1M"}', '1:18: error: /max-duration: found "P1M", expected an ISO 8601 duration'),
        ('{"max-duration": 600}', "1:18: error: /max-duration: found 600, expected"),
        ('{"batch-folder": "batches"}', '1:18: error: /batch-folder: found "batches", expected the absolute path'),
        ('{"schema": 2}', "1:12: error: /schema: found 2, expected 1"),
        ('{"enabled": true, "enabled": false}', "1:19: error: /enabled: this name occurs twice"),
        ("[]", "1:1: error: found [], expected an object"),
        ('{"enabled": true,}', "1:17: error: not JSON: trailing comma before the closing bracket"),
        ("", ": error: the input is empty; expected the permission of this host as one JSON object"),
    ],
)
def test_a_wrong_file_allows_nothing_and_says_where(tmp_path, text, message):
    """The form is FILE:LINE:COLUMN; no value of a file with an error is used."""
    path = tmp_path / "wrong.json"
    path.write_text(text)

    with pytest.raises(PermissionFileError) as raised:
        read_permission(str(path))
    assert f"{path}{'' if message.startswith(':') else ':'}{message}" in str(raised.value)


def test_all_errors_of_the_file_are_reported(tmp_path):
    """At once."""
    path = tmp_path / "wrong.json"
    path.write_text('{"enabled": 1, "max-duration": 5, "nonsense": 0}')

    with pytest.raises(PermissionFileError) as raised:
        read_permission(str(path))
    assert str(raised.value).count(": error: ") == 3


def test_a_file_that_cannot_be_read_allows_nothing(tmp_path):
    """A directory in its place, for example."""
    with pytest.raises(PermissionFileError, match="cannot read it: Is a directory"):
        read_permission(str(tmp_path))


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path):
    """Each task that is posted would wait for it."""
    path = str(tmp_path / "batch-processor.json")
    os.mkfifo(path)

    assert why_disabled(path) is None
    with pytest.raises(PermissionFileError, match="cannot read it: not a regular file"):
        read_permission(path)
