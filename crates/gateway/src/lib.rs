//! The data plane: one call from accept to record.
