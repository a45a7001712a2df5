"""The output: the document with results, the files it is written to, and messages on the standard error."""
