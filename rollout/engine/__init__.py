"""Floor 3: the shell. It looks, acts and records; it never decides."""
