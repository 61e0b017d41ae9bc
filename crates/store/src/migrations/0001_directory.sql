CREATE TABLE meta (
    name {text} PRIMARY KEY,
    value {text} NOT NULL
) {strict};

CREATE TABLE tenants (
    id {uuid} PRIMARY KEY,
    name {text} NOT NULL,
    models {json} NOT NULL,
    origin {text} NOT NULL,
    disabled {bool} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
) {strict};
CREATE UNIQUE INDEX tenants_name ON tenants (name);

CREATE TABLE users (
    id {uuid} PRIMARY KEY,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id),
    status {text} NOT NULL,
    external_id {text},
    username {text},
    email {text},
    email_verified {bool} NOT NULL,
    display_name {text},
    roles {json} NOT NULL,
    attributes {json} NOT NULL,
    merged_into {uuid} REFERENCES users (id),
    status_changed_at {time} NOT NULL,
    status_changed_by {text} NOT NULL,
    status_reason {text},
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
) {strict};
CREATE UNIQUE INDEX users_external_id ON users (tenant_id, external_id);
CREATE UNIQUE INDEX users_username ON users (tenant_id, username);
CREATE INDEX users_tenant ON users (tenant_id, id);
CREATE INDEX users_email ON users (tenant_id, email);
CREATE INDEX users_merged_into ON users (merged_into) WHERE merged_into IS NOT NULL;

-- What users.attributes says, in a form that can be looked up; the two are written together.
CREATE TABLE user_attributes (
    user_id {uuid} NOT NULL REFERENCES users (id),
    name {text} NOT NULL,
    tenant_id {uuid} NOT NULL,
    value {text} NOT NULL,
    PRIMARY KEY (user_id, name)
) {strict};
CREATE INDEX user_attributes_value ON user_attributes (tenant_id, name, value);

CREATE TABLE identities (
    tenant_id {uuid} NOT NULL REFERENCES tenants (id),
    issuer {text} NOT NULL,
    subject {text} NOT NULL,
    user_id {uuid} NOT NULL REFERENCES users (id),
    linked_at {time} NOT NULL,
    PRIMARY KEY (tenant_id, issuer, subject)
) {strict};
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE applications (
    id {uuid} PRIMARY KEY,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id),
    name {text} NOT NULL,
    roles {json} NOT NULL,
    clients {json} NOT NULL,
    disabled {bool} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
) {strict};
CREATE UNIQUE INDEX applications_name ON applications (tenant_id, name);
CREATE INDEX applications_tenant ON applications (tenant_id, id);

-- What applications.clients says, in a form that can be looked up; the two are written together.
CREATE TABLE application_clients (
    tenant_id {uuid} NOT NULL,
    issuer {text} NOT NULL,
    client_id {text} NOT NULL,
    application_id {uuid} NOT NULL REFERENCES applications (id),
    PRIMARY KEY (tenant_id, issuer, client_id)
) {strict};
CREATE INDEX application_clients_application ON application_clients (application_id);

CREATE TABLE api_keys (
    id {uuid} PRIMARY KEY,
    application_id {uuid} NOT NULL REFERENCES applications (id),
    tenant_id {uuid} NOT NULL REFERENCES tenants (id),
    user_id {uuid} REFERENCES users (id),
    name {text} NOT NULL,
    hash {bytes} NOT NULL,
    limits {json} NOT NULL,
    expires_at {time},
    revoked_at {time},
    replaced_by {uuid} REFERENCES api_keys (id),
    last_used_at {time},
    created_at {time} NOT NULL
) {strict};
CREATE INDEX api_keys_application ON api_keys (application_id, id);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id, id);
CREATE INDEX api_keys_user ON api_keys (user_id, id) WHERE user_id IS NOT NULL;

CREATE TABLE operators (
    id {uuid} PRIMARY KEY,
    name {text} NOT NULL,
    role {text} NOT NULL,
    tenant_id {uuid} REFERENCES tenants (id),
    hash {bytes} NOT NULL,
    expires_at {time},
    revoked_at {time},
    last_used_at {time},
    created_at {time} NOT NULL
) {strict};
CREATE UNIQUE INDEX operators_name ON operators (name);

-- No foreign keys: the audit log outlives what it tells of.
CREATE TABLE audit (
    id {uuid} PRIMARY KEY,
    at {time} NOT NULL,
    actor {text} NOT NULL,
    source {text} NOT NULL,
    tenant_id {uuid},
    action {text} NOT NULL,
    target {text} NOT NULL,
    before {json} NOT NULL,
    after {json} NOT NULL
) {strict};
CREATE INDEX audit_tenant ON audit (tenant_id, id);
CREATE INDEX audit_target ON audit (target, id);

CREATE TABLE events (
    position {serial},
    at {time} NOT NULL,
    tenant_id {uuid},
    actor {text} NOT NULL,
    change {json} NOT NULL
) {strict};
CREATE INDEX events_at ON events (at);

-- No foreign keys: records come late, in bulk, and stay when what they tell of is gone. Few indexes: every call pays
-- for each of them.
CREATE TABLE records (
    id {uuid} PRIMARY KEY,
    at {time} NOT NULL,
    tenant_id {uuid},
    user_id {uuid},
    application_id {uuid},
    service {text},
    model {text},
    code {text},
    status {int} NOT NULL,
    outcome {text} NOT NULL,
    size {int} NOT NULL,
    record {json} NOT NULL
) {strict};
CREATE INDEX records_tenant ON records (tenant_id, id);
CREATE INDEX records_user ON records (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX records_application ON records (application_id, id) WHERE application_id IS NOT NULL;
CREATE INDEX records_code ON records (code, id) WHERE code IS NOT NULL;

CREATE TABLE secrets (
    name {text} PRIMARY KEY,
    sealed {bytes} NOT NULL,
    updated_at {time} NOT NULL,
    updated_by {text} NOT NULL
) {strict};

CREATE TABLE revocations (
    id {uuid} PRIMARY KEY,
    tenant_id {uuid},
    kind {text} NOT NULL,
    issuer {text} NOT NULL,
    value {text} NOT NULL,
    issued_before {time},
    expires_at {time},
    at {time} NOT NULL,
    actor {text} NOT NULL,
    reason {text}
) {strict};
CREATE UNIQUE INDEX revocations_what ON revocations (kind, issuer, value);
CREATE INDEX revocations_expiry ON revocations (expires_at) WHERE expires_at IS NOT NULL;
