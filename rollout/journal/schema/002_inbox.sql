-- What people asked from another process, and what the engine answered. The answer is written in the same transaction
-- as the entries that make it true.
CREATE TABLE inbox (
    number   INTEGER PRIMARY KEY,   -- in the order in which they were asked
    key      TEXT    NOT NULL UNIQUE,
    actor    TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    command  TEXT    NOT NULL,      -- the whole ask as JSON
    asked    REAL    NOT NULL,      -- POSIX seconds
    taken    INTEGER NOT NULL DEFAULT 0,  -- 1 = an engine has read it, and it cannot be withdrawn any more
    answer   TEXT,                  -- the reply as JSON; NULL = none yet
    answered REAL                   -- POSIX seconds
);
CREATE INDEX inbox_waiting ON inbox (number) WHERE answer IS NULL;
