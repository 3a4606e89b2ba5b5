-- By which identities of an identity pool the sessions of viewers are known to AWS: what denies a banned viewer's.
CREATE TABLE identities (
    viewer   TEXT   NOT NULL, -- a viewer's id
    identity TEXT   NOT NULL, -- region:uuid
    seen_ms  BIGINT NOT NULL, -- when it was last given credentials, to about a day; Unix milliseconds
    PRIMARY KEY (viewer, identity)
);
CREATE INDEX identities_by_age ON identities (seen_ms);
