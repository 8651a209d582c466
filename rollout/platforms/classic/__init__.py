"""The classic Azure Service Management API, as a client."""
