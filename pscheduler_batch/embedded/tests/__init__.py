"""The measurements of the embedded server, a module each, from ``../measurement.py``; setup.cfg announces them."""
