"""The commands: their options (``batch.py``, ``options.py``), and in ``modes/`` what each mode does with them."""
