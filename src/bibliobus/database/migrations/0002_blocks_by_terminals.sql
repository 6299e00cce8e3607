-- A terminal may block a patron's card (SIP2 01) and give the permissions back (25). This stands
-- beside what staff have set, so giving them back never gives more than there was.

ALTER TABLE patrons ADD COLUMN blocked_at BIGINT;
ALTER TABLE patrons ADD COLUMN block_message TEXT; -- what the terminal said of it (AL)
