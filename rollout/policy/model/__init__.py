"""The documents people write, as frozen pydantic models: every field has its meaning and its default."""
