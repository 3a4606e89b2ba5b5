-- Sign-ins that were ended before their cookies did.
CREATE TABLE sign_outs (
    sign_in  TEXT   PRIMARY KEY, -- the id of the sign-in, which all of its cookies say
    until_ms BIGINT NOT NULL     -- when the last of its cookies has ended, Unix milliseconds
);
