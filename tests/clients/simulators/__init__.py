"""Simulators of AI vendors: each holds what it is sent against the vendor's own published types, and answers as the vendor does.

One process for all (`python -m simulators`), so that what is looked at here cannot change the libraries under test. Not here: models.
What is answered follows from the question by the rules of `scene`; a mark in the prompt (`[[cut]]`) asks for trouble."""
