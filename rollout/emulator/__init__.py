"""Floor 2: an emulated Service Management API, with its own XML and a pure model underneath."""
