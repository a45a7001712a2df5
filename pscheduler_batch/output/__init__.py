"""The output: the document, the files it is written to, and the standard error, for messages of all rooms."""
