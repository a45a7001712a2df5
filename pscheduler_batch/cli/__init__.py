"""The commands: their options (``batch.py``, ``option_values.py``), and in ``modes/`` what each mode does."""
