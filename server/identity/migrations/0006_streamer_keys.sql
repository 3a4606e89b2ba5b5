-- By which key whoever has it is the streamer of a room. The key itself is nowhere in here.
CREATE TABLE streamer_keys (
    room    TEXT   PRIMARY KEY, -- a room's id
    id      TEXT   NOT NULL,    -- which of its keys this is, at random: what an older one opened names another
    hash    TEXT   NOT NULL,    -- argon2id of the key, as a PHC string
    made_ms BIGINT NOT NULL     -- when it was made, Unix milliseconds
);
INSERT INTO counters (name, value) VALUES ('streamer_keys', 0);
