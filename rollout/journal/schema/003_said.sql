-- What the engine said of itself with its last heartbeat, for people in another process: its pace, and who waits for it.
ALTER TABLE heartbeat ADD COLUMN said TEXT NOT NULL DEFAULT '';
