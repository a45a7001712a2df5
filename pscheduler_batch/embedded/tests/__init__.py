"""The measurements of the embedded server, one module each; setup.cfg announces them as entry points."""
