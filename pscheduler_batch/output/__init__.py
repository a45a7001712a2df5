"""The output: the document, the headlines of results, the files it is written to, and messages on standard error."""
