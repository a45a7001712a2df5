"""Bytes to a Batch: read, validate and locate every problem in the input."""
