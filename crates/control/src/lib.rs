//! The control plane: administration, publication, audit.
