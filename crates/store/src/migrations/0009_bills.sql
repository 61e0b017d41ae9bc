-- Which record has what a batch at a provider used: one, however many calls heard that it is over.
CREATE TABLE bills (
    batch {text} NOT NULL,
    provider {text} NOT NULL,
    record_id {uuid} NOT NULL,
    at {time} NOT NULL,
    PRIMARY KEY (batch, provider)
) {strict};
CREATE INDEX bills_at ON bills (at);
