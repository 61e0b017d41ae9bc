-- How often a code occurred, for all and for one tenant, from the index alone. Only refused and cut calls pay for it.
CREATE INDEX records_code_tenant ON records (code, tenant_id, id) WHERE code IS NOT NULL;
