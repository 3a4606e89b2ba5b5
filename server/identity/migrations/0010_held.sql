-- Danmu that wait, in reviewed mode, until the crew lets them through, and for a while what became of them. Written from what the
-- gates read, by every server that reads it.
CREATE TABLE held (
    room       TEXT   NOT NULL, -- a room's id
    viewer     TEXT   NOT NULL, -- its author's id; '' where that was not verified
    danmu      TEXT   NOT NULL, -- its key
    said       TEXT   NOT NULL, -- the danmu as the record that lets it through has it: a JSON object
    arrival_ms BIGINT NOT NULL, -- when its author's record arrived, Unix milliseconds, as all times here
    due_ms     BIGINT,          -- when it is let through by itself; NULL: never
    state      BIGINT NOT NULL, -- 0: it waits; 1: let through; 2: that was read from the stream; 3: taken out; 4: it waited too long
    claimed_ms BIGINT NOT NULL, -- when a server last began to tell the stream that it is let through; 0: none has
    told_ms    BIGINT,          -- when the stream took that; NULL: that is owed, in state 1
    change     BIGINT NOT NULL, -- the number of this row's last change, by the counter; no two rows have the same
    PRIMARY KEY (room, viewer, danmu)
);
CREATE INDEX held_by_change ON held (room, change);
CREATE INDEX held_by_state ON held (state, room, arrival_ms);
CREATE INDEX held_by_due ON held (state, due_ms);
CREATE INDEX held_by_age ON held (arrival_ms);
INSERT INTO counters (name, value) VALUES ('held', 0);
