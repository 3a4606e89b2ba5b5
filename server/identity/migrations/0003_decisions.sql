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

-- A store that was in use knows what the stream told until now: 'heard', Unix milliseconds.
INSERT INTO counters (name, value)
    SELECT 'heard', CAST(strftime('%s', 'now') AS BIGINT) * 1000 FROM counters WHERE name = 'change' AND value > 0;

-- An id is 26 characters of an alphabet that hexadecimal digits are part of, and no other server makes the same.
INSERT INTO decisions (id, room, kind, subject, until_ms, rank, decided_ms, claimed_ms, told_ms, arrival_ms, change)
    SELECT '0' || substr(hex(randomblob(13)), 1, 25), room, kind, subject, until_ms,
           CASE room WHEN '' THEN 2 ELSE 1 END, decided_ms, 0, told_ms,
           CASE WHEN told_ms IS NULL THEN NULL ELSE from_ms END, change
    FROM bans;
INSERT INTO decisions (id, room, kind, subject, until_ms, rank, decided_ms, claimed_ms, told_ms, arrival_ms, change)
    SELECT '0' || substr(hex(randomblob(13)), 1, 25), '',
           CASE name WHEN 'vending_frozen' THEN 'vending' ELSE 'sessions' END, '',
           CASE name WHEN 'vending_frozen' THEN NULL ELSE value END, 2, 0, 0, NULL, NULL, 1
    FROM switches WHERE value > 0;
DROP TABLE bans;
DROP TABLE switches;
