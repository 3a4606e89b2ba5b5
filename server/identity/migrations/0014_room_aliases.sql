-- Other ids that lead to a room. One that was taken away stays as a row, so that it never leads to another room.
CREATE TABLE room_aliases (
    alias    TEXT   PRIMARY KEY, -- in the form of a room's id; no room has it
    room     TEXT   NOT NULL,    -- the id of the room, which the store keeps or kept
    made_ms  BIGINT NOT NULL,    -- when it was last made, Unix milliseconds
    ended_ms BIGINT              -- when it was taken away, Unix milliseconds; NULL while it leads there
);
CREATE INDEX room_aliases_by_room ON room_aliases (room);
