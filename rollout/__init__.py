"""Rolling upgrades of many cloud services at once: gated, resumable, rehearsable."""
