-- Everything that a user is or was known by. What is current is written together with `users` and `identities`; what is
-- past is here only. Nobody is resolved by this table.
CREATE TABLE identifiers (
    id {serial},
    tenant_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL REFERENCES users (id),
    field {text} NOT NULL,
    issuer {text} NOT NULL,
    value {text} NOT NULL,
    since {time} NOT NULL,
    until {time},
    ended {text}
) {strict};
CREATE INDEX identifiers_user ON identifiers (user_id, field, id);

-- Keys by which an identifier is found by a text that is only near it. No foreign key: dozens of rows for each identifier,
-- written and removed with it.
CREATE TABLE search_forms (
    form {int} NOT NULL,
    tenant_id {uuid} NOT NULL,
    identifier_id {int} NOT NULL,
    PRIMARY KEY (form, tenant_id, identifier_id)
) {clustered};

CREATE TABLE merges (
    id {serial},
    user_id {uuid} NOT NULL REFERENCES users (id),
    into_id {uuid} NOT NULL REFERENCES users (id),
    status_before {text} NOT NULL,
    merged_at {time} NOT NULL,
    merged_by {text} NOT NULL,
    reason {text},
    undone_at {time},
    undone_by {text}
) {strict};
CREATE INDEX merges_user ON merges (user_id, id);
CREATE INDEX merges_into ON merges (into_id, id);
