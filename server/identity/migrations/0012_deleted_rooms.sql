-- A deleted room stays as its id alone, so that nobody takes it over: what was said, tickets and links name it.
ALTER TABLE rooms ADD COLUMN deleted_ms BIGINT; -- when it was deleted, Unix milliseconds; NULL: it was not
