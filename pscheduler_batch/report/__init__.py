"""Reports on a batch in all formats, and the summary on a terminal, made from its output document."""
