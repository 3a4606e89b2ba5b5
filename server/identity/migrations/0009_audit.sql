-- Who did what, when, where and to whom. An entry of a decision is written in the decision's transaction.
CREATE TABLE audit (
    number  BIGINT PRIMARY KEY, -- by the counter, in the order in which they were written
    at_ms   BIGINT NOT NULL,    -- Unix milliseconds
    room    TEXT   NOT NULL,    -- a room's id; '' for the whole server
    actor   TEXT   NOT NULL,    -- a viewer's id, 'operator' or 'server'
    name    TEXT   NOT NULL,    -- the actor's name, or how it came in; '' where neither is known
    rank    BIGINT,             -- the actor's: 0 a moderator, 1 the streamer, 2 an operator; NULL: none
    what    TEXT   NOT NULL,    -- a code: 'ban', 'hide', 'open_studio' …
    subject TEXT   NOT NULL,    -- a viewer's id, a danmu's key, a network in CIDR notation; '' for none
    viewer  TEXT   NOT NULL,    -- the viewer whom it concerns, the author of a danmu too; '' for none
    detail  TEXT   NOT NULL     -- a JSON object
);
CREATE INDEX audit_by_room ON audit (room, number);
CREATE INDEX audit_by_age ON audit (at_ms);
INSERT INTO counters (name, value) VALUES ('audit', 0);
