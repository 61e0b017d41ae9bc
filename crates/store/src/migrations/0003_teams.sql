CREATE TABLE teams (
    id {uuid} PRIMARY KEY,
    tenant_id {uuid} NOT NULL REFERENCES tenants (id),
    name {text} NOT NULL,
    -- The name in lower case: two that only differ so would be taken for each other.
    folded {text} NOT NULL,
    display_name {text},
    parent_id {uuid} REFERENCES teams (id),
    external_id {text},
    origin {text} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL
) {strict};
CREATE UNIQUE INDEX teams_folded ON teams (tenant_id, folded);
CREATE UNIQUE INDEX teams_external_id ON teams (tenant_id, external_id);
CREATE INDEX teams_tenant ON teams (tenant_id, id);
CREATE INDEX teams_parent ON teams (parent_id, id) WHERE parent_id IS NOT NULL;

-- A row for each source that says so.
CREATE TABLE memberships (
    team_id {uuid} NOT NULL REFERENCES teams (id),
    user_id {uuid} NOT NULL REFERENCES users (id),
    source {text} NOT NULL,
    since {time} NOT NULL,
    PRIMARY KEY (team_id, user_id, source)
) {strict};
CREATE INDEX memberships_user ON memberships (user_id, team_id);
