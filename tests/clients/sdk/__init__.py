"""Official libraries behind one set of words, each set up by its base URL alone. What a library can be asked is in `asking`."""
