"""Faults on demand: requests that the embedded server refuses, delays or garbles."""
