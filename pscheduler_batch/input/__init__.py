"""Bytes to a Batch: read, validate by the rules in ``schemas/*.json``, and locate every problem in the input."""
