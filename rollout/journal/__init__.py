"""Floor 2: the append-only truth, and the one ledger that writes it."""
