-- What the rules of rooms say. A row never changes. Whether a rule is in force is a decision, which names it by its id.
CREATE TABLE rules (
    id      TEXT   PRIMARY KEY, -- at random, 16 hexadecimal digits
    room    TEXT   NOT NULL,    -- a room's id
    kind    TEXT   NOT NULL,    -- 'words', 'pattern', 'links', 'longer', 'runs', 'again'
    value   TEXT   NOT NULL,    -- the words, one a line; the expression; a number; or nothing
    made_ms BIGINT NOT NULL     -- when it was made, Unix milliseconds
);
CREATE INDEX rules_by_room ON rules (room);
