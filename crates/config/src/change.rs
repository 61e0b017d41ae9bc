//! What differs between two configurations.

use crate::Config;

/// Settings that differ and take effect only after a restart, by name.
pub fn restart_needed(old: &Config, new: &Config) -> Vec<&'static str> {
    let _ = (old, new);
    Vec::new()
}

/// What differs, by name and without values, for the log.
pub fn changes(old: &Config, new: &Config) -> Vec<String> {
    let _ = (old, new);
    Vec::new()
}
