"""Floor 0: the documents that people write, read with file:line:col and checked before anything is touched."""
