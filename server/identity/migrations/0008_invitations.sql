-- Links by which a streamer makes others moderators of a room. The token in the link is nowhere in here.
CREATE TABLE invitations (
    id         TEXT   PRIMARY KEY, -- at random: what the link opened names it
    room       TEXT   NOT NULL,    -- a room's id
    hash       TEXT   NOT NULL,    -- SHA-256 of the token, in hexadecimal
    label      TEXT   NOT NULL,    -- for whom it is, as the streamer calls them; may be empty
    made_ms    BIGINT NOT NULL,    -- when it was made, Unix milliseconds, as all times here
    expires_ms BIGINT,             -- when it ends; NULL: never
    revoked_ms BIGINT,             -- when the streamer ended it; NULL: has not
    used_ms    BIGINT,             -- when somebody last came by it; NULL: nobody has
    uses       BIGINT NOT NULL     -- how often somebody came by it
);
CREATE UNIQUE INDEX invitations_by_hash ON invitations (room, hash);
INSERT INTO counters (name, value) VALUES ('invitations', 0);
