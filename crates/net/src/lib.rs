//! The edge of the process: listeners on one side, the guarded way out on the other.
