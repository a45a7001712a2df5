"""Reports on a batch, from its output document: for people, for spreadsheets, for CI systems."""
