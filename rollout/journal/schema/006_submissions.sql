-- Which bundle the key of a submission stands for, so that the same key never brings two different rollouts.
CREATE TABLE submissions (
    number INTEGER PRIMARY KEY,   -- in the order in which they were first used
    key    TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL          -- of the bundle
);
