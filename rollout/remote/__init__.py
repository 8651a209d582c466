"""A client of a daemon's HTTP API: it knows the API's documents, and nothing of who serves them."""
