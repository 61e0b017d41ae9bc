"""What the client suites share."""
