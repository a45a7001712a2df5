"""The measurements of the embedded server, one module each."""
