"""Bytes to a Batch: validated by the rules in ``json_schemas/*.json``, built in ``loader.py``, all problems located."""
