"""Reports on a batch, made from its output document: HTML, text, CSV, JUnit and the summary on a terminal."""
