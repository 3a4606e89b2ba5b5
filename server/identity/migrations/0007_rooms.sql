-- The rooms that were made in the studio or by a command. Those of the settings are not in here.
CREATE TABLE rooms (
    id          TEXT   PRIMARY KEY, -- a room's id; an archived room keeps it, so that nobody takes it over
    title       TEXT   NOT NULL,
    video       TEXT   NOT NULL,    -- an address, or nothing
    poster      TEXT,               -- an address
    made_ms     BIGINT NOT NULL,    -- when it was made, Unix milliseconds
    archived_ms BIGINT              -- when it was archived, Unix milliseconds; NULL while it is open
);
INSERT INTO counters (name, value) VALUES ('rooms', 0);
