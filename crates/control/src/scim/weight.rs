//! How much there is of something: what bounds memory and comparing goes by it.

use super::failure::{Failure, ScimType};
use super::filter::Filter;
use serde_json::{Map, Value};

/// What a value weighs beside its text.
const EACH: usize = 32;

/// The most that one PATCH compares, in bytes: some tenths of a second.
const MOST: usize = 64 << 20;

/// About how many bytes a value has in memory.
pub fn of(value: &Value) -> usize {
    EACH + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(of).sum(),
        Value::Object(map) => of_map(map),
    }
}

/// The same of an object's members.
pub fn of_map(map: &Map<String, Value>) -> usize {
    map.iter().map(|(name, value)| name.len() + of(value)).sum()
}

/// What is left of the comparing that one request may have done.
pub struct Budget(usize);

impl Budget {
    pub const fn new() -> Self {
        Self(MOST)
    }

    /// Takes what looking at all of `list` by `filter` costs.
    ///
    /// # Errors
    /// It is more than is left.
    pub fn choose(&mut self, list: &[Value], filter: &Filter) -> Result<(), Failure> {
        let weight: usize = list.iter().map(of).sum();
        self.spend(weight.saturating_mul(filter.terms()))
    }

    /// Takes what comparing each of so many with each of so many others costs.
    ///
    /// # Errors
    /// As [`Budget::choose`].
    pub fn pairs(&mut self, some: usize, others: usize) -> Result<(), Failure> {
        self.spend(some.saturating_mul(others).saturating_mul(EACH))
    }

    /// Takes what going through so many by their ids costs.
    ///
    /// # Errors
    /// As [`Budget::choose`].
    pub fn through(&mut self, many: usize) -> Result<(), Failure> {
        self.spend(many.saturating_mul(4))
    }

    fn spend(&mut self, cost: usize) -> Result<(), Failure> {
        match self.0.checked_sub(cost) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                let detail = "these operations compare too much; send fewer in one request, or choose members by `members[value eq \"<id>\"]`";
                Err(Failure::new(ScimType::TooMany, detail))
            }
        }
    }
}
