"""A pScheduler server on loopback (ADR 19); each module in ``tests/`` is a test that it offers and measures."""
