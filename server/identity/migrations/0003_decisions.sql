-- What is decided, as a log: of one room, kind and subject the row that arrived last counts, and before that one that is still to arrive.
CREATE TABLE decisions (
    id         TEXT   PRIMARY KEY, -- the id of its record on the stream
    room       TEXT   NOT NULL,    -- a room's id; '' for every room
    kind       TEXT   NOT NULL,    -- 'viewer', 'network', 'vending' or 'sessions'
    subject    TEXT   NOT NULL,    -- a viewer's id, or a network in CIDR notation; '' for the others
    until_ms   BIGINT,             -- Unix milliseconds; NULL: for good; 0: it ends what was decided before
    rank       BIGINT NOT NULL,    -- how high who decided it stands: 0 a moderator, 1 the streamer, 2 an operator
    decided_ms BIGINT NOT NULL,    -- Unix milliseconds, by the clock of who decided
    claimed_ms BIGINT NOT NULL,    -- when a server last began to tell the stream; 0: none has
    told_ms    BIGINT,             -- when the stream took it; NULL: that is owed
    arrival_ms BIGINT,             -- when it arrived there, as it was read; NULL: it has not been read
    change     BIGINT NOT NULL     -- the number of this row's last change, by the counter
);
CREATE INDEX decisions_by_change ON decisions (change);
CREATE INDEX decisions_by_subject ON decisions (kind, subject, room);

-- Guests who had sessions from a network that is banned.
CREATE TABLE guests (
    network  TEXT   NOT NULL, -- in CIDR notation
    viewer   TEXT   NOT NULL, -- a viewer's id
    until_ms BIGINT NOT NULL, -- when their sessions end, Unix milliseconds
    told_ms  BIGINT,          -- when the stream was told, Unix milliseconds; NULL: that is owed
    change   BIGINT NOT NULL, -- as above
    PRIMARY KEY (network, viewer)
);
CREATE INDEX guests_by_change ON guests (change);

