-- What was really sent for each call and what came back, for people, with everything left out that may be secret.
-- Evidence beside the truth: nothing is decided by it, so the oldest is forgotten and it is in no chain.
CREATE TABLE exchanges (
    number     INTEGER PRIMARY KEY,  -- in the order in which they were made
    stream     TEXT NOT NULL,
    request_id TEXT NOT NULL,        -- the platform's; '' = none was given
    record     TEXT NOT NULL         -- see core/witnessed.py
);
CREATE INDEX exchanges_by_stream ON exchanges (stream, number);
CREATE INDEX exchanges_by_request ON exchanges (request_id) WHERE request_id != '';
