-- What vendors lend: patrons' accounts there, a mirror of their loans and holds, what is under way,
-- bookmarks and wishes. `patron` is the ILS's own name for one (Patron.internal_id, else the card),
-- since a collection works with any ILS; the vendor never learns it.

CREATE TABLE remote_patrons (
    institution TEXT NOT NULL REFERENCES institutions (id),
    collection TEXT NOT NULL,
    patron TEXT NOT NULL,
    alias TEXT NOT NULL, -- random digits: as whom the vendor knows the patron
    remote_id BIGINT, -- the vendor's number for them; NULL: to be asked for
    agreed TEXT NOT NULL DEFAULT '', -- what the patron lets the vendor know: card name email
    card TEXT NOT NULL, -- by which the ILS finds the patron
    active_at BIGINT NOT NULL, -- when they last did something here
    compared_at BIGINT, -- when the vendor's lists were last read
    PRIMARY KEY (institution, collection, patron),
    UNIQUE (institution, collection, alias)
);

-- What a patron has on loan or waits for. A hold that becomes a loan is the same row.
CREATE TABLE digital_shelf (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection TEXT NOT NULL,
    patron TEXT, -- NULL: nobody needs to know any more
    isbn TEXT NOT NULL,
    kind TEXT NOT NULL, -- loan, hold
    title TEXT NOT NULL, -- as the vendor or the catalogue has it: it may leave the catalogue
    transaction_id BIGINT, -- the vendor's; a hold keeps it when it becomes a loan
    since_at BIGINT NOT NULL, -- lent, or placed
    due_at BIGINT, -- of a loan; NULL: the vendor has not said
    renewals BIGINT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL,
    missed_at BIGINT, -- when the vendor's list first lacked it
    ended_at BIGINT
);
CREATE UNIQUE INDEX one_digital_loan_or_hold ON digital_shelf (institution, collection, patron, isbn)
    WHERE ended_at IS NULL;
CREATE INDEX digital_shelf_of_a_patron ON digital_shelf (institution, patron) WHERE ended_at IS NULL;
CREATE INDEX digital_shelf_by_title ON digital_shelf (institution, collection, isbn)
    WHERE ended_at IS NULL;
CREATE INDEX digital_shelf_to_forget ON digital_shelf (institution, ended_at)
    WHERE patron IS NOT NULL AND ended_at IS NOT NULL;

-- What somebody wants a vendor to do: written before the vendor is called, settled by its answer or
-- by reading what it has. Also what tells of it afterwards, and what a repeat is answered with.
CREATE TABLE intents (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection TEXT NOT NULL,
    kind TEXT NOT NULL, -- Kind of oneclick/intents.py
    patron TEXT, -- NULL: nobody needs to know any more
    card TEXT, -- by which the ILS finds the patron
    isbn TEXT NOT NULL,
    due_before BIGINT, -- of a loan that is to be renewed
    state TEXT NOT NULL, -- State of oneclick/intents.py
    door TEXT NOT NULL,
    account TEXT NOT NULL, -- the terminal's login; empty: none
    location TEXT,
    connection TEXT,
    request_key BYTEA,
    begun_at BIGINT NOT NULL,
    settled_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0, -- calls that the vendor may have had
    worker TEXT, -- the process that is at it, as in leases; NULL: nobody is
    again_at BIGINT NOT NULL, -- not before then is it tried again
    result TEXT, -- JSON of what the port gave, if it was done
    reason TEXT -- why not, if it was not
);
CREATE UNIQUE INDEX one_open_intent ON intents (institution, collection, patron, isbn)
    WHERE settled_at IS NULL;
CREATE UNIQUE INDEX one_intent_for_a_request
    ON intents (institution, collection, account, request_key, patron)
    WHERE request_key IS NOT NULL AND state <> 'refused';
CREATE INDEX intents_about_a_title ON intents (institution, collection, patron, isbn, settled_at);
CREATE INDEX intents_to_forget ON intents (institution, settled_at) WHERE patron IS NOT NULL;

CREATE TABLE bookmarks (
    institution TEXT NOT NULL REFERENCES institutions (id),
    loan BIGINT NOT NULL REFERENCES digital_shelf (key),
    part BIGINT NOT NULL, -- from 0
    position BIGINT NOT NULL, -- microseconds
    kept_at BIGINT NOT NULL,
    PRIMARY KEY (institution, loan)
);

CREATE TABLE wishes (
    institution TEXT NOT NULL REFERENCES institutions (id),
    collection TEXT NOT NULL,
    patron TEXT NOT NULL,
    isbn TEXT NOT NULL,
    title TEXT NOT NULL,
    wished_at BIGINT NOT NULL,
    PRIMARY KEY (institution, collection, patron, isbn)
);
CREATE INDEX wishes_by_title ON wishes (institution, collection, isbn);
