"""The output: the document, the files it is written to, and messages on standard error, for all rooms."""
