"""The ``idleex`` test: wait for some time while no other exclusive test runs."""

from __future__ import annotations

from pscheduler_batch.embedded.tests.idle import IdleTest


class IdleexTest(IdleTest):
    """Sleeps as ``idle`` does, but is never scheduled next to another exclusive test."""

    name = "idleex"
    description = "Consume time exclusively - NOT FOR PRODUCTION"
    scheduling_class = "exclusive"
