"""The output: the document, the files it is written to, and the form of messages on standard error."""
