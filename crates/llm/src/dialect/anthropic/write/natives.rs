//! Members that only this dialect knows, put back where they stood.

use super::NAME;
use crate::canon::{Losses, Request};
use crate::json::write::Writer;
use serde_json::Value;
use std::collections::HashMap;

/// By the path of the object that they stand in; empty for the outermost.
pub(super) struct Natives<'r>(HashMap<&'r str, Vec<(&'r str, &'r Value)>>);

impl<'r> Natives<'r> {
    pub(super) fn of(request: &'r Request) -> Self {
        let mut places: HashMap<&str, Vec<(&str, &Value)>> = HashMap::new();
        for native in request.native.iter().filter(|native| native.dialect == NAME) {
            let (place, name) = native.name.rsplit_once('.').unwrap_or(("", &native.name));
            places.entry(place).or_default().push((name, &native.value));
        }
        Self(places)
    }

    /// Whether there are some in the object at `place`.
    pub(super) fn has(&self, place: &str) -> bool {
        self.0.contains_key(place)
    }

    /// Whether there is one of this name in the outermost object.
    pub(super) fn has_member(&self, name: &str) -> bool {
        self.0.get("").is_some_and(|members| members.iter().any(|(known, _)| *known == name))
    }

    /// Writes those of the object at `place`, which is being written.
    pub(super) fn write(&mut self, place: &str, w: &mut Writer<'_>) {
        if self.0.is_empty() {
            return;
        }
        for (name, value) in self.0.remove(place).unwrap_or_default() {
            w.member(name, value);
        }
    }

    /// Tells of those whose place is no more.
    pub(super) fn left(self, losses: &mut Losses) {
        let mut left: Vec<String> = self
            .0
            .iter()
            .flat_map(|(place, all)| all.iter().map(move |(name, _)| format!("{place}.{name}")))
            .collect();
        left.sort();
        left.into_iter().for_each(|name| losses.changed(name));
    }
}
