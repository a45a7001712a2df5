"""Tests of the settings of hosts and requests, which commands, processor and client share."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pscheduler_batch import BatchProcessor
from pscheduler_batch.cli.batch import batch
from pscheduler_batch.settings import Settings

SETTINGS = {field.name: field.default for field in fields(Settings)}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_an_option_with_the_same_default(name):
    """The command and the Python API have the same defaults."""

    assert batch.make_context("batch", []).params[name] == SETTINGS[name]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_a_keyword_argument(name):
    """Of the Python API, by the same name."""

    assert BatchProcessor({"jobs": []}, **{name: SETTINGS[name]})(dry_run=True) == {"jobs": []}
