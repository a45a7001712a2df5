"""The plug-ins of a class folder of pScheduler, whose methods are processes (ADR 65)."""
