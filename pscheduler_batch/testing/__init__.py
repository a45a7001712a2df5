"""Fixtures of pytest, with which people test their batches and programs on the embedded server (ADR 73)."""
