"""Run a batch of the template of examples/psconfig/ with the real command on the embedded server."""

from __future__ import annotations

from tests.support.commands import run_batch
from tests.support.psconfig import specs_of_mesh, template

QUICK = {"rtt": {"interval": "PT0.02S", "timeout": "PT0.2S"}, "throughput": {"duration": "PT1S"}}


def batch_between(source, dest):
    """Return the batch that the template makes for two hosts, with quicker tests."""
    document = template()
    document["addresses"]["ps1"]["address"] = source
    document["addresses"]["ps2"]["address"] = dest
    batch = specs_of_mesh(document, "paths")[(source, dest)]["batch"]
    for job in batch["jobs"]:
        test = job["task"]["test"]
        test["spec"].update(QUICK[test["type"]])
    return batch


def test_batch_of_a_pair_measures_everything():
    """One round trip is enough to continue; each length and each number of streams is measured."""
    ended = run_batch("--embedded", batch=batch_between("127.0.0.1", "127.0.0.2"))

    assert (ended.status, ended.stderr) == (0, "")
    assert [len(results) for results in ended.results] == [1, 4, 3]
    for results in ended.results:
        for result in results:
            assert result["runs"][0]["application/json"]["succeeded"]


def test_batch_of_a_pair_ends_where_no_host_answers():
    """The first job decides: without an answer nothing else is measured."""
    ended = run_batch("--embedded", batch=batch_between("127.0.0.1", "192.0.2.1"))

    assert [len(results) for results in ended.results] == [1, 0, 0]
