"""Floor 4: virtual time, used by the tests and by rehearsals."""
