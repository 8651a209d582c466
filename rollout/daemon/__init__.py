"""The long-lived engine behind an HTTP API: what runs for weeks, and everything around its life."""
