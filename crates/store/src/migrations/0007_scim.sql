-- What a provisioner feeds the directory from.
ALTER TABLE operators ADD COLUMN source {text};

-- What a SCIM client said of a user or a team, as it said it; what the directory makes of it is in `users` and `teams`.
-- No foreign key: one of the two. Tombstones keep theirs.
CREATE TABLE provisioned (
    id {uuid} PRIMARY KEY,
    tenant_id {uuid} NOT NULL,
    source {text} NOT NULL,
    revision {int} NOT NULL,
    document {text} NOT NULL,
    updated_at {time} NOT NULL
) {strict};

-- User names of SCIM are the same in upper and lower case (RFC 7643 §4.1.1).
CREATE INDEX users_username_folded ON users (tenant_id, lower(username));
