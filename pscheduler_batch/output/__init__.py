"""What comes out: the output document, its files, and messages on standard error."""
