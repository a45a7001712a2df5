"""Reports on a batch, made from its output document: a module for each format, and their list in ``formats.py``."""
