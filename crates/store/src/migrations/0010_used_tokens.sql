-- Tokens that are for one call and have let one in, each for as long as it would be believed. No foreign key: written on the
-- path of a call, and tenants are never removed.
CREATE TABLE used_tokens (
    issuer {text} NOT NULL,
    jti {bytes} NOT NULL,
    digest {text} NOT NULL,
    tenant_id {uuid} NOT NULL,
    request {uuid} NOT NULL,
    at {time} NOT NULL,
    expires_at {time} NOT NULL,
    PRIMARY KEY (issuer, jti)
) {clustered};
CREATE INDEX used_tokens_expires_at ON used_tokens (expires_at);
