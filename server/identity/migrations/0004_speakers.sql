-- Who spoke lately: operators know people by what pages call them, and decisions go by ids.
CREATE TABLE speakers (
    viewer   TEXT   PRIMARY KEY, -- a viewer's id
    name     TEXT   NOT NULL,    -- the name of who signed in; '' for guests
    room     TEXT   NOT NULL,    -- where it spoke last: a room's id
    first_ms BIGINT NOT NULL,    -- when it was first heard, as long as it is in here, Unix milliseconds
    last_ms  BIGINT NOT NULL,    -- when it was last heard, likewise
    words    TEXT   NOT NULL     -- what it said then, cut
);
CREATE INDEX speakers_by_age ON speakers (last_ms);
