-- What lives at providers, and whose it is. Providers and models are lines of the configuration. The first to whom an id
-- was given has it.
CREATE TABLE holdings (
    kind {text} NOT NULL,
    object {text} NOT NULL,
    provider {text} NOT NULL,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id),
    user_id {uuid} REFERENCES users (id),
    application_id {uuid} REFERENCES applications (id),
    key_number {int},
    deployment {text} NOT NULL,
    model {text},
    created_at {time} NOT NULL,
    expires_at {time},
    PRIMARY KEY (kind, object, provider)
) {strict};
CREATE INDEX holdings_holder ON holdings (tenant_id, kind, created_at);
CREATE INDEX holdings_user ON holdings (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX holdings_application ON holdings (application_id) WHERE application_id IS NOT NULL;
CREATE INDEX holdings_created_at ON holdings (created_at);
CREATE INDEX holdings_expires_at ON holdings (expires_at) WHERE expires_at IS NOT NULL;
