"""Floor 2: checks, each asking one source whether a domain is healthy."""
