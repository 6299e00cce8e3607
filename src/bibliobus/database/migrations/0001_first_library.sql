-- A library that lends: institutions, terminal accounts, patrons, titles, items, loans; and what
-- makes a transaction durable and done once: replays and events.
-- Moments are microseconds since 1970 in UTC (database/times.py); days are YYYY-MM-DD.

CREATE TABLE institutions (
    id TEXT NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL -- JSON: InstitutionSettings of ils/library.py
);

-- A login decides which institution a terminal belongs to, so it is unique over all of them.
CREATE TABLE accounts (
    login TEXT NOT NULL PRIMARY KEY,
    institution TEXT NOT NULL REFERENCES institutions (id),
    password_hash TEXT NOT NULL,
    location TEXT,
    settings TEXT NOT NULL -- JSON: AccountSettings of ils/library.py
);

CREATE TABLE patrons (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    barcode TEXT NOT NULL,
    name TEXT NOT NULL,
    pin_hash TEXT,
    address TEXT,
    email_addr TEXT,
    home_phone TEXT,
    birth_on TEXT,
    expires_on TEXT,
    ptype TEXT,
    home_library TEXT,
    inet_privileges TEXT,
    language TEXT,
    charge_ok BOOLEAN NOT NULL,
    renew_ok BOOLEAN NOT NULL,
    recall_ok BOOLEAN NOT NULL,
    hold_ok BOOLEAN NOT NULL,
    card_lost BOOLEAN NOT NULL,
    screen_message TEXT,
    UNIQUE (institution, barcode),
    UNIQUE (institution, key)
);

CREATE TABLE titles (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT,
    language TEXT,
    UNIQUE (institution, key)
);

CREATE TABLE items (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    barcode TEXT NOT NULL,
    title BIGINT NOT NULL,
    media_type TEXT,
    magnetic BOOLEAN,
    security_marker BIGINT,
    owner TEXT,
    permanent_location TEXT NOT NULL,
    current_location TEXT NOT NULL,
    collection_code TEXT,
    call_number TEXT,
    properties TEXT,
    UNIQUE (institution, barcode),
    UNIQUE (institution, key),
    FOREIGN KEY (institution, title) REFERENCES titles (institution, key)
);

CREATE TABLE loans (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patron BIGINT,
    item BIGINT NOT NULL,
    lent_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    renewals BIGINT NOT NULL,
    no_block BOOLEAN NOT NULL,
    ended_at BIGINT,
    FOREIGN KEY (institution, patron) REFERENCES patrons (institution, key),
    FOREIGN KEY (institution, item) REFERENCES items (institution, key)
);
CREATE UNIQUE INDEX one_open_loan_per_item ON loans (institution, item) WHERE ended_at IS NULL;
CREATE INDEX open_loans_of_a_patron ON loans (institution, patron, due_at) WHERE ended_at IS NULL;

-- What a request was answered with, so that the same request gets the same answer.
CREATE TABLE replays (
    institution TEXT NOT NULL REFERENCES institutions (id),
    account TEXT NOT NULL,
    request_key BYTEA NOT NULL,
    at BIGINT NOT NULL,
    result TEXT NOT NULL, -- JSON: a result of ils/records.py
    PRIMARY KEY (institution, account, request_key)
);
CREATE INDEX replays_by_age ON replays (at);

-- Who did what with what, where and when. Rows are only ever added.
CREATE TABLE events (
    institution TEXT NOT NULL REFERENCES institutions (id),
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    door TEXT NOT NULL,
    account TEXT,
    location TEXT,
    patron BIGINT,
    item BIGINT,
    loan BIGINT
);
