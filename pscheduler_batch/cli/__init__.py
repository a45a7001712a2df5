"""The commands: ``batch.py`` declares options, ``options.py`` has their values, ``modes/`` does what they ask for."""
