//! Storage: one SQL text on two databases, and the spool of records.
