-- Terminal accounts are looked at again whenever one has changed: servers count these rows.

CREATE TABLE account_changes (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    login TEXT NOT NULL,
    change TEXT NOT NULL -- added, changed or revoked
);

-- One row that is written to find out whether the database can be written to.
CREATE TABLE readiness (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    at BIGINT NOT NULL
);
