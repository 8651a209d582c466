-- Row-id table plus unique index: twice as fast to write as a table clustered by (stream, version).
CREATE TABLE entries (
    position INTEGER PRIMARY KEY,  -- from 1, in commit order, without gaps
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,     -- from 1 within the stream, without gaps
    t        REAL    NOT NULL,     -- engine seconds
    wall     REAL    NOT NULL,     -- POSIX seconds, for people
    actor    TEXT    NOT NULL,
    format   INTEGER NOT NULL,     -- of the payload; see codec.py
    payload  TEXT    NOT NULL,     -- the fact as JSON
    chain    TEXT    NOT NULL      -- SHA-256 over the previous chain and this record; see record.py
);
CREATE UNIQUE INDEX entries_by_stream ON entries (stream, version);

-- What a start needs to know in order to fold only what is open.
CREATE TABLE streams (
    first   INTEGER PRIMARY KEY,   -- position of the stream's first entry
    stream  TEXT    NOT NULL UNIQUE,
    version INTEGER NOT NULL,      -- of its last entry
    ended   INTEGER NOT NULL       -- 1 = takes no further entry
);
CREATE INDEX streams_open ON streams (first) WHERE ended = 0;

CREATE TABLE blobs (
    digest  TEXT PRIMARY KEY,      -- SHA-256 of the payload
    payload BLOB NOT NULL
);

-- The last record, and the latest moment that entries or heartbeats know. A missing tail shows by it.
CREATE TABLE heartbeat (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    chain    TEXT    NOT NULL,
    t        REAL    NOT NULL,
    wall     REAL    NOT NULL
);

INSERT INTO heartbeat VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0.0, 0.0);

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
INSERT INTO meta (key, value) VALUES ('epoch', 0), ('format', 1);
