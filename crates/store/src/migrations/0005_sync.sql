-- How the synchronisation of each user source stands. One node at a time holds it.
CREATE TABLE syncs (
    source {text} PRIMARY KEY,
    tenant_id {uuid} NOT NULL,
    run {int} NOT NULL,
    holder {text},
    held_until {time},
    watermark {text},
    full_at {time},
    succeeded_at {time},
    asked {text},
    approved {int},
    last {json} NOT NULL,
    waiting {json} NOT NULL
) {strict};

-- In which run the source last showed a person. No foreign key: a key may be nobody's here.
CREATE TABLE synced (
    source {text} NOT NULL,
    key {text} NOT NULL,
    run {int} NOT NULL,
    PRIMARY KEY (source, key)
) {clustered};
