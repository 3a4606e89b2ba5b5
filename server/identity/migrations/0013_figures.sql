-- What happened in a room in a minute, as one server saw it. Every server reads the whole stream, so what was said and refused is the
-- same on each; viewers and latency are its own.
CREATE TABLE figures (
    room      TEXT   NOT NULL, -- a room's id
    minute_ms BIGINT NOT NULL, -- when the minute began, Unix milliseconds, as all times here
    server    TEXT   NOT NULL, -- the server's name: the same after a restart
    run_ms    BIGINT NOT NULL, -- when the server began to count in that room: each run has rows of its own
    danmu     BIGINT NOT NULL, -- the danmu that were shown
    viewers   BIGINT NOT NULL, -- the most viewers at once
    details   TEXT   NOT NULL, -- reasons of refusal, latency and words: a JSON object
    PRIMARY KEY (room, minute_ms, server, run_ms)
);
CREATE INDEX figures_by_age ON figures (minute_ms);
