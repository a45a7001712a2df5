"""Reports on a batch, made from its output: a module for each format; ``formats.py`` and ``setup.cfg`` list them."""
