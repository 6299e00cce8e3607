-- Titles whoever lends them, how they are found, and the jobs that fetch a vendor's.

ALTER TABLE titles ADD COLUMN collection TEXT; -- the vendor's that lends it; NULL: the library's own
ALTER TABLE titles ADD COLUMN isbn TEXT;
ALTER TABLE titles ADD COLUMN medium TEXT NOT NULL DEFAULT 'print'; -- Medium of catalogue/records.py
ALTER TABLE titles ADD COLUMN record TEXT; -- JSON: Title of catalogue/records.py
ALTER TABLE titles ADD COLUMN fingerprint BYTEA; -- of what the vendor said, to see what has changed
ALTER TABLE titles ADD COLUMN owned BOOLEAN; -- NULL: not known
ALTER TABLE titles ADD COLUMN available BOOLEAN; -- as the vendor last said; NULL: not known
ALTER TABLE titles ADD COLUMN added_at BIGINT;
ALTER TABLE titles ADD COLUMN withdrawn_at BIGINT; -- by the vendor; loans and holds go on to their end
ALTER TABLE titles ADD COLUMN indexed BOOLEAN NOT NULL DEFAULT FALSE; -- its terms are in title_terms

CREATE UNIQUE INDEX one_title_per_isbn ON titles (institution, collection, isbn)
    WHERE collection IS NOT NULL;
CREATE INDEX titles_to_index ON titles (key) WHERE NOT indexed;
DROP INDEX titles_by_name;
CREATE INDEX titles_by_name ON titles (institution, title) WHERE collection IS NULL;

-- Which terms a title has (catalogue/terms.py), by its key, here called rowid in both engines.
-- @search-index title_terms

-- The words that titles are found by, as they are written: what a misspelt one is compared with.
CREATE TABLE words (
    institution TEXT NOT NULL REFERENCES institutions (id),
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (institution, word)
);

-- One row for each run of a job, kept as its history.
CREATE TABLE runs (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection TEXT NOT NULL,
    job TEXT NOT NULL, -- import, delta, availability
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT, -- done, held, failed; NULL: it is going on, or was cut off
    covers_until TEXT, -- the last day, by the vendor, whose changes are in the catalogue
    listing TEXT, -- JSON: Spooled of oneclick/runs.py: the file that was fetched
    position BIGINT NOT NULL DEFAULT 0, -- as many of its bytes are dealt with
    counts TEXT NOT NULL, -- JSON: Counts of oneclick/runs.py
    odd TEXT NOT NULL DEFAULT '[]', -- JSON: the first records that could not be read, and why
    note TEXT
);
CREATE INDEX runs_of_a_collection ON runs (institution, collection, job, key);

-- Who is doing something that only one may do at a time, and until when they may be silent.
CREATE TABLE leases (
    institution TEXT NOT NULL REFERENCES institutions (id),
    name TEXT NOT NULL,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (institution, name)
);
