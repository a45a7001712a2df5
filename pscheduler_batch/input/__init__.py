"""Bytes to a Batch: read, validate by the rules in ``json_schemas/*.json``, and locate every problem in the input."""
