"""A pScheduler server on loopback (ADR 19)."""
