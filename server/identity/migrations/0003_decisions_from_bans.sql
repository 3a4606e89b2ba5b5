-- A store that was in use knows what the stream told until now: 'heard', Unix milliseconds.
INSERT INTO counters (name, value)
    SELECT 'heard', CAST(strftime('%s', 'now') AS BIGINT) * 1000 FROM counters WHERE name = 'change' AND value > 0;

-- An id is 26 characters of an alphabet that hexadecimal digits are part of, and no other server makes the same.
INSERT INTO decisions (id, room, kind, subject, until_ms, rank, decided_ms, claimed_ms, told_ms, arrival_ms, change)
    SELECT '0' || substr(hex(randomblob(13)), 1, 25), room, kind, subject, until_ms,
           CASE room WHEN '' THEN 2 ELSE 1 END, decided_ms, 0, told_ms,
           CASE WHEN told_ms IS NULL THEN NULL ELSE from_ms END, change
    FROM bans;
INSERT INTO decisions (id, room, kind, subject, until_ms, rank, decided_ms, claimed_ms, told_ms, arrival_ms, change)
    SELECT '0' || substr(hex(randomblob(13)), 1, 25), '',
           CASE name WHEN 'vending_frozen' THEN 'vending' ELSE 'sessions' END, '',
           CASE name WHEN 'vending_frozen' THEN NULL ELSE value END, 2, 0, 0, NULL, NULL, 1
    FROM switches WHERE value > 0;
