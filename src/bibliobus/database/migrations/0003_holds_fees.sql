-- Everything else a library does: conditions and transit of items, holds, fees with their ledger,
-- wrong PINs, reading history, and what undoing and repeats need. Amounts are minor units (cents).

ALTER TABLE patrons ADD COLUMN blocked_because TEXT;
ALTER TABLE patrons ADD COLUMN keeps_history BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE patrons ADD COLUMN wrong_pins BIGINT NOT NULL DEFAULT 0; -- in a row
ALTER TABLE patrons ADD COLUMN wrong_pin_at BIGINT; -- the last one of them

CREATE INDEX titles_by_name ON titles (institution, title);

ALTER TABLE items ADD COLUMN item_type TEXT;
ALTER TABLE items ADD COLUMN condition TEXT; -- Condition of ils/library.py
ALTER TABLE items ADD COLUMN price BIGINT;
ALTER TABLE items ADD COLUMN transit_to TEXT; -- the branch it is on its way to
CREATE INDEX items_of_a_title ON items (institution, title);

-- What the policy allowed when the loan began; NULL where no policy was asked.
ALTER TABLE loans ADD COLUMN charged_limit BIGINT;
ALTER TABLE loans ADD COLUMN renewal_limit BIGINT;
CREATE INDEX ended_loans_of_somebody ON loans (institution, ended_at)
    WHERE ended_at IS NOT NULL AND patron IS NOT NULL;

-- `key` is the place in the queue, after `priority`.
CREATE TABLE holds (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    priority BIGINT NOT NULL,
    patron BIGINT,
    title BIGINT NOT NULL,
    item BIGINT, -- the one it is for, if it is for one
    hold_type BIGINT NOT NULL,
    pickup_location TEXT,
    placed_at BIGINT NOT NULL,
    waits_since BIGINT NOT NULL, -- without having been changed or suspended
    expires_at BIGINT,
    suspended_until BIGINT,
    copy BIGINT, -- that waits for the patron, or is on its way to them
    copy_since BIGINT,
    pickup_by BIGINT, -- the copy is on the hold shelf until then
    ended_at BIGINT,
    ended_as TEXT, -- filled, cancelled, expired
    UNIQUE (institution, key),
    FOREIGN KEY (institution, patron) REFERENCES patrons (institution, key),
    FOREIGN KEY (institution, title) REFERENCES titles (institution, key),
    FOREIGN KEY (institution, item) REFERENCES items (institution, key),
    FOREIGN KEY (institution, copy) REFERENCES items (institution, key)
);
CREATE UNIQUE INDEX one_active_hold_per_patron_and_title ON holds (institution, patron, title)
    WHERE ended_at IS NULL;
CREATE UNIQUE INDEX one_active_hold_per_copy ON holds (institution, copy)
    WHERE ended_at IS NULL AND copy IS NOT NULL;
CREATE INDEX hold_queues ON holds (institution, title, priority, key) WHERE ended_at IS NULL;

-- `outstanding` is what the ledger says is still owed; below zero: credit.
CREATE TABLE fees (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patron BIGINT NOT NULL,
    fee_type BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    outstanding BIGINT NOT NULL,
    currency TEXT NOT NULL,
    description TEXT NOT NULL,
    title BIGINT,
    item BIGINT,
    loan BIGINT REFERENCES loans (key),
    raised_at BIGINT NOT NULL,
    UNIQUE (institution, key),
    FOREIGN KEY (institution, patron) REFERENCES patrons (institution, key),
    FOREIGN KEY (institution, title) REFERENCES titles (institution, key),
    FOREIGN KEY (institution, item) REFERENCES items (institution, key)
);
CREATE INDEX open_fees ON fees (institution, patron, key) WHERE outstanding <> 0;
CREATE INDEX fees_of_a_loan ON fees (institution, loan) WHERE loan IS NOT NULL;

CREATE TABLE payments (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patron BIGINT NOT NULL,
    at BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    fee_type BIGINT NOT NULL,
    payment_type BIGINT NOT NULL,
    account TEXT NOT NULL, -- the terminal's
    transaction_id TEXT, -- the payment device's own
    fee TEXT, -- the one that was named
    result TEXT NOT NULL, -- JSON: PaymentResult of ils/records.py, without the patron
    UNIQUE (institution, key),
    FOREIGN KEY (institution, patron) REFERENCES patrons (institution, key)
);
CREATE UNIQUE INDEX one_payment_per_key ON payments (institution, account, transaction_id)
    WHERE transaction_id IS NOT NULL;

-- Double entry: the postings of an entry add up to nothing. Rows are only ever added.
CREATE TABLE ledger_entries (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL, -- fee, payment, credit, reversal
    payment BIGINT,
    reverses BIGINT, -- the fee that it takes back
    UNIQUE (institution, key),
    FOREIGN KEY (institution, payment) REFERENCES payments (institution, key),
    FOREIGN KEY (institution, reverses) REFERENCES fees (institution, key)
);
CREATE UNIQUE INDEX one_reversal_per_fee ON ledger_entries (institution, reverses)
    WHERE reverses IS NOT NULL;

CREATE TABLE ledger_postings (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry BIGINT NOT NULL,
    account TEXT NOT NULL, -- owed (with its fee), income, till, write-off
    fee BIGINT,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    FOREIGN KEY (institution, entry) REFERENCES ledger_entries (institution, key),
    FOREIGN KEY (institution, fee) REFERENCES fees (institution, key)
);
CREATE INDEX postings_of_an_entry ON ledger_postings (institution, entry);
CREATE INDEX postings_of_a_fee ON ledger_postings (institution, fee) WHERE fee IS NOT NULL;

-- @append-only ledger_entries
-- @append-only ledger_postings

ALTER TABLE replays ADD COLUMN connection TEXT;
ALTER TABLE replays ADD COLUMN event BIGINT; -- that the request wrote
ALTER TABLE replays ADD COLUMN forget_at BIGINT NOT NULL DEFAULT 0;
UPDATE replays SET forget_at = at + 86400000000;
DROP INDEX replays_by_age;
CREATE INDEX replays_by_end ON replays (forget_at);
CREATE INDEX replays_of_an_event ON replays (institution, event);

ALTER TABLE events ADD COLUMN hold BIGINT;
ALTER TABLE events ADD COLUMN payment BIGINT;
ALTER TABLE events ADD COLUMN before TEXT; -- JSON: what undoing it needs; see embedded/call.py
CREATE INDEX events_of_an_item ON events (institution, item, key);
CREATE INDEX events_of_a_hold ON events (institution, hold) WHERE hold IS NOT NULL;
