//! One text to one configuration.

use crate::{Config, Errors};

/// Parses and checks the text of a configuration file; `name` is what problems call it. Paths stay as written.
pub fn parse(text: &str, name: &str) -> Result<Config, Errors> {
    let _ = name;
    toml::from_str(text).map_err(|e| Errors::whole(e.to_string(), None))
}
