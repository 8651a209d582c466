-- Up to which entry people have been told of what happened. What happened before this table was there is told to nobody.
CREATE TABLE notice_cursor (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
);
INSERT INTO notice_cursor SELECT 1, position FROM heartbeat;

-- What is to be told to whom. Written in one transaction with the cursor, so that none is left out and none comes twice.
CREATE TABLE notices (
    number   INTEGER PRIMARY KEY,        -- in the order in which they are told
    key      TEXT    NOT NULL,
    target   TEXT    NOT NULL,           -- plan/DIGEST or settings/NAME
    rollout  TEXT    NOT NULL,
    body     TEXT    NOT NULL,           -- the notice as JSON
    made     REAL    NOT NULL,           -- POSIX seconds
    state    INTEGER NOT NULL DEFAULT 0, -- 0 waits, 1 was taken, 2 was given up
    attempts INTEGER NOT NULL DEFAULT 0,
    tried    REAL,                       -- POSIX seconds
    said     TEXT    NOT NULL DEFAULT '' -- what became of the last attempt
);
CREATE UNIQUE INDEX notices_once ON notices (key, target);
CREATE INDEX notices_waiting ON notices (target, number) WHERE state = 0;
