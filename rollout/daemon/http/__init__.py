"""The daemon's HTTP API: one table of routes behind one gate; every refusal is a problem document (RFC 9457)."""
