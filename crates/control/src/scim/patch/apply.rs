//! One operation at one attribute.

use super::Verb;
use crate::scim::coerce;
use crate::scim::failure::{Failure, ScimType};
use crate::scim::filter::{Filter, Matcher, Op, Path, equal};
use crate::scim::schema::{Attribute, Found, Kind, Mutability};
use crate::scim::weight::Budget;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Applies an operation to the attribute that `path` was found to name.
pub fn at(
    document: &mut Map<String, Value>,
    budget: &mut Budget,
    verb: Verb,
    path: &Path,
    found: &Found,
    value: &Value,
    strict: bool,
) -> Result<(), Failure> {
    let Some(attribute) = found.attribute else { return Ok(()) };
    let sub = match &path.sub {
        Some(name) => match attribute.sub(name) {
            Some(sub) => Some(sub),
            None => {
                return Err(Failure::new(
                    ScimType::InvalidPath,
                    format!("there is no such sub-attribute: `{path}`"),
                ));
            }
        },
        None => found.sub,
    };
    let written = sub.map_or(attribute.mutability, |sub| sub.mutability);
    if attribute.mutability == Mutability::ReadOnly
        || written == Mutability::ReadOnly
        || attribute.name == "schemas"
    {
        // Clients repeat `id` and `schemas` in what they send without a path.
        if !strict {
            return Ok(());
        }
        return Err(Failure::new(ScimType::Mutability, format!("`{path}` is not the client's to write")));
    }
    if sub.is_some() && written == Mutability::Immutable {
        return Err(Failure::new(
            ScimType::Mutability,
            format!("`{path}` cannot be changed once it is there"),
        ));
    }
    if verb == Verb::Remove && attribute.required && sub.is_none() {
        return Err(Failure::new(
            ScimType::InvalidValue,
            format!("`{path}` is required, and cannot be removed"),
        ));
    }
    if verb == Verb::Add && value.is_null() {
        return Err(Failure::new(ScimType::InvalidValue, format!("`{path}`: `add` needs a `value`")));
    }
    let within = match found.extension {
        Some(schema) => {
            let place = document.entry(schema.id).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(within) = place else { return Ok(()) };
            within
        }
        None => &mut *document,
    };
    let step = Step { attribute, sub, verb, path, value };
    match &path.filter {
        Some(filter) => step.chosen(within, budget, filter)?,
        None if sub.is_some() => step.part(within)?,
        None => step.whole(within, budget)?,
    }
    if let Some(schema) = found.extension
        && document.get(schema.id).and_then(Value::as_object).is_some_and(Map::is_empty)
    {
        document.remove(schema.id);
    }
    Ok(())
}

struct Step<'s> {
    attribute: &'static Attribute,
    sub: Option<&'static Attribute>,
    verb: Verb,
    path: &'s Path,
    value: &'s Value,
}

impl Step<'_> {
    /// The attribute as a whole.
    fn whole(&self, within: &mut Map<String, Value>, budget: &mut Budget) -> Result<(), Failure> {
        let (attribute, name) = (self.attribute, self.attribute.name);
        if self.verb == Verb::Remove && (self.value.is_null() || !attribute.multi) {
            within.remove(name);
            return Ok(());
        }
        let new = coerce::value(attribute, name, self.value)?;
        if new.is_none() && attribute.required && self.verb == Verb::Replace {
            let detail = format!("`{name}` is required, and cannot be removed");
            return Err(Failure::new(ScimType::InvalidValue, detail));
        }
        if attribute.name == "members" && self.verb != Verb::Replace {
            budget.through(list_of(within, attribute).len())?;
            self.members(within, elements_of(new));
            self.tidy(within);
            return Ok(());
        }
        match (self.verb, new) {
            (Verb::Remove, new) => {
                let gone = elements_of(new);
                budget.pairs(gone.len(), within.get(name).and_then(Value::as_array).map_or(0, Vec::len))?;
                if let Some(Value::Array(list)) = within.get_mut(name) {
                    list.retain(|element| !gone.iter().any(|gone| same(attribute, element, gone)));
                }
            }
            (Verb::Add, Some(new)) if attribute.multi => {
                let list = list_of(within, attribute);
                let new = elements_of(Some(new));
                budget.pairs(new.len(), list.len() + new.len())?;
                for new in new {
                    if new.get("primary") == Some(&Value::Bool(true)) {
                        no_longer_primary(list);
                    }
                    match list.iter_mut().find(|element| same(attribute, element, &new)) {
                        Some(Value::Object(element)) => {
                            element.extend(new.as_object().cloned().unwrap_or_default())
                        }
                        Some(_) => {}
                        None => list.push(new),
                    }
                }
            }
            (_, Some(Value::Object(new))) if attribute.kind == Kind::Complex && !attribute.multi => {
                // Sub-attributes that are not named stay (RFC 7644 §3.5.2.3).
                match within.get_mut(name) {
                    Some(Value::Object(element)) => element.extend(new),
                    _ => {
                        within.insert(name.to_owned(), Value::Object(new));
                    }
                }
            }
            (_, Some(new)) => {
                within.insert(name.to_owned(), new);
            }
            (Verb::Add, None) => {}
            (_, None) => {
                within.remove(name);
            }
        }
        self.tidy(within);
        Ok(())
    }

    /// Members come or go by their ids alone. There may be very many, so that they are not compared one by one.
    fn members(&self, within: &mut Map<String, Value>, named: Vec<Value>) {
        let id = |member: &Value| member.get("value").and_then(Value::as_str).map(str::to_owned);
        let list = list_of(within, self.attribute);
        if self.verb == Verb::Remove {
            let gone: HashSet<String> = named.iter().filter_map(id).collect();
            list.retain(|member| id(member).is_none_or(|id| !gone.contains(&id)));
            return;
        }
        let mut known: HashSet<String> = list.iter().filter_map(id).collect();
        for member in named {
            // Without an id it is nobody, and said to be when the change is made.
            if id(&member).is_none_or(|id| known.insert(id)) {
                list.push(member);
            }
        }
    }

    /// A sub-attribute, of each element when there are several.
    fn part(&self, within: &mut Map<String, Value>) -> Result<(), Failure> {
        let Some(sub) = self.sub else { return Ok(()) };
        let new = self.new_part(sub)?;
        if self.attribute.multi {
            let list = list_of(within, self.attribute);
            if list.is_empty() && new.is_some() {
                list.push(Value::Object(Map::new()));
            }
            for element in list.iter_mut() {
                set(element, sub, new.as_ref());
            }
        } else {
            let place = within.entry(self.attribute.name).or_insert_with(|| Value::Object(Map::new()));
            set(place, sub, new.as_ref());
        }
        self.tidy(within);
        Ok(())
    }

    /// The elements that a filter chooses.
    fn chosen(
        &self,
        within: &mut Map<String, Value>,
        budget: &mut Budget,
        filter: &Filter,
    ) -> Result<(), Failure> {
        let wrong = |error: String| Failure::new(ScimType::InvalidPath, format!("`path`: {error}"));
        if self.attribute.name.is_empty() || !self.attribute.multi {
            return Err(wrong(format!("`{}` is not a list", self.attribute.name)));
        }
        let matcher = Matcher::of_elements(filter, self.attribute).map_err(wrong)?;
        let chooses = |element: &Value| element.as_object().is_some_and(|element| matcher.holds(element));
        let list = list_of(within, self.attribute);
        // One member of very many, as most clients write it.
        if self.verb == Verb::Remove
            && self.sub.is_none()
            && let Some(wanted) = value_wanted(filter, self.attribute)
        {
            budget.through(list.len())?;
            list.retain(|element| element.get("value").and_then(Value::as_str) != Some(wanted));
            self.tidy(within);
            return Ok(());
        }
        budget.choose(list, filter)?;
        if self.verb == Verb::Remove {
            match self.sub {
                Some(sub) => list
                    .iter_mut()
                    .filter(|element| chooses(element))
                    .for_each(|element| set(element, sub, None)),
                None => list.retain(|element| !chooses(element)),
            }
            self.tidy(within);
            return Ok(());
        }
        let mut chosen: Vec<usize> = (0..list.len()).filter(|i| chooses(&list[*i])).collect();
        if chosen.is_empty() {
            let Some(template) = described(filter, self.attribute) else {
                let detail = format!("no element is like this: `{}`", self.path);
                return Err(Failure::new(ScimType::NoTarget, detail));
            };
            chosen.push(list.len());
            list.push(Value::Object(template));
        }
        match self.sub {
            Some(sub) => {
                let new = self.new_part(sub)?;
                if sub.name == "primary" && new == Some(Value::Bool(true)) {
                    no_longer_primary(list);
                }
                for i in chosen {
                    set(&mut list[i], sub, new.as_ref());
                }
            }
            None => {
                let new = coerce::element(self.attribute, self.attribute.name, self.value)?;
                let Some(Value::Object(new)) = new else {
                    return Err(Failure::new(
                        ScimType::InvalidValue,
                        format!("`{}`: a value is expected", self.path),
                    ));
                };
                if new.get("primary") == Some(&Value::Bool(true)) {
                    no_longer_primary(list);
                }
                for i in chosen {
                    // Part of what the element is chosen by stays, unless it is said anew.
                    let kept = if self.verb == Verb::Add {
                        list[i].as_object().cloned()
                    } else {
                        described(filter, self.attribute)
                    };
                    let mut element = kept.unwrap_or_default();
                    element.extend(new.clone());
                    list[i] = Value::Object(element);
                }
            }
        }
        self.tidy(within);
        Ok(())
    }

    /// The value of a sub-attribute; nothing removes it.
    fn new_part(&self, sub: &'static Attribute) -> Result<Option<Value>, Failure> {
        if self.verb == Verb::Remove {
            return Ok(None);
        }
        // Some write `[{"value": "x"}]` where `"x"` is meant.
        let value = match self.value {
            Value::Array(list) if list.len() == 1 => list[0].get("value").unwrap_or(&list[0]),
            other => other,
        };
        coerce::value(sub, &self.path.to_string(), value)
    }

    /// What holds nothing any more is not there.
    fn tidy(&self, within: &mut Map<String, Value>) {
        let empty = match within.get_mut(self.attribute.name) {
            Some(Value::Array(list)) => {
                list.retain(|element| element.as_object().is_none_or(|element| !element.is_empty()));
                list.is_empty()
            }
            Some(Value::Object(element)) => element.is_empty(),
            _ => false,
        };
        if empty {
            within.remove(self.attribute.name);
        }
    }
}

fn elements_of(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn list_of<'d>(within: &'d mut Map<String, Value>, attribute: &Attribute) -> &'d mut Vec<Value> {
    let place = within.entry(attribute.name).or_insert_with(|| Value::Array(Vec::new()));
    if !place.is_array() {
        *place = Value::Array(Vec::new());
    }
    match place {
        Value::Array(list) => list,
        _ => unreachable!("it was made a list just above"),
    }
}

fn set(element: &mut Value, sub: &Attribute, value: Option<&Value>) {
    let Value::Object(element) = element else { return };
    match value {
        Some(value) => {
            element.insert(sub.name.to_owned(), value.clone());
        }
        None => {
            element.remove(sub.name);
        }
    }
}

fn no_longer_primary(list: &mut [Value]) {
    for element in list.iter_mut().filter_map(Value::as_object_mut) {
        if element.get("primary") == Some(&Value::Bool(true)) {
            element.insert("primary".to_owned(), Value::Bool(false));
        }
    }
}

/// Whether two elements are one: by their `value` and, where both have one, their `type`.
fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    let (Some(sub), Some(x), Some(y)) = (attribute.sub("value"), a.get("value"), b.get("value")) else {
        return a == b;
    };
    let alike = match (a.get("type"), b.get("type")) {
        (Some(x), Some(y)) => attribute.sub("type").is_some_and(|kind| equal(kind, x, y)),
        _ => true,
    };
    alike && equal(sub, x, y)
}

/// The text that a filter wants the exact `value` of an element to be, when it wants nothing else.
fn value_wanted<'f>(filter: &'f Filter, attribute: &Attribute) -> Option<&'f str> {
    match filter {
        Filter::Compare { path, op: Op::Eq, value: Value::String(wanted) } if !wanted.is_empty() => {
            let sub = attribute.sub(path)?;
            (sub.name == "value" && sub.exact).then_some(wanted.as_str())
        }
        _ => None,
    }
}

/// The element that a filter describes: `type eq "work" and primary eq true`.
fn described(filter: &Filter, attribute: &'static Attribute) -> Option<Map<String, Value>> {
    match filter {
        Filter::Compare { path, op: Op::Eq, value } => {
            let sub = attribute.sub(path)?;
            let value = coerce::value(sub, path, value).ok()??;
            Some([(sub.name.to_owned(), value)].into_iter().collect())
        }
        Filter::And(parts) => {
            let mut element = Map::new();
            for part in parts {
                element.extend(described(part, attribute)?);
            }
            Some(element)
        }
        _ => None,
    }
}
