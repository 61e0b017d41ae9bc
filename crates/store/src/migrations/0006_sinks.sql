-- Who is told of events, and how far. No foreign keys: a sink is a line of the configuration.
CREATE TABLE sinks (
    name {text} PRIMARY KEY,
    position {int} NOT NULL,
    state {text} NOT NULL,
    reason {text},
    failures {int} NOT NULL,
    failing_since {time},
    next_at {time} NOT NULL,
    last_error {text},
    last_error_at {time},
    delivered_at {time},
    missed {int} NOT NULL,
    owner {uuid},
    leased_until {time} NOT NULL
) {strict};

-- The event itself is kept: the log is forgotten sooner.
CREATE TABLE dead_letters (
    id {uuid} PRIMARY KEY,
    sink {text} NOT NULL,
    position {int} NOT NULL,
    event {json} NOT NULL,
    error {text} NOT NULL,
    at {time} NOT NULL,
    again {bool} NOT NULL
) {strict};
CREATE UNIQUE INDEX dead_letters_sink ON dead_letters (sink, position);
CREATE INDEX dead_letters_at ON dead_letters (at);
