-- Who may not speak. One row for each subject and room: a later decision takes the place of the earlier one.
CREATE TABLE bans (
    kind       TEXT   NOT NULL, -- 'viewer' or 'network'
    subject    TEXT   NOT NULL, -- a viewer's id, or a network in CIDR notation
    room       TEXT   NOT NULL, -- a room's id; '' for every room
    from_ms    BIGINT NOT NULL, -- Unix milliseconds
    until_ms   BIGINT,          -- Unix milliseconds; NULL: for good
    decided_ms BIGINT NOT NULL, -- when this was last decided
    change     BIGINT NOT NULL, -- the number of that decision, by the counter
    claimed_ms BIGINT NOT NULL, -- when a server last began to tell the stream of it; 0: none has
    told_ms    BIGINT,          -- when the stream was told of it; NULL: not yet
    PRIMARY KEY (kind, subject, room)
);

-- Numbers that only grow.
CREATE TABLE counters (
    name  TEXT   PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('change', 0);

-- What an operator switches: 'vending_frozen' (0 or 1), 'revoked_before' (Unix milliseconds).
CREATE TABLE switches (
    name  TEXT   PRIMARY KEY,
    value BIGINT NOT NULL
);
