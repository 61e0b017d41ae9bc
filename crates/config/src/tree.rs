//! The file as a tree of values, each remembering where it is written.

use crate::errors::{Excerpt, Problem};
use crate::mask;
use crate::place::{Path, Place, Step};
use miette::NamedSource;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The values, and where each came from.
pub struct Tree {
    pub value: Value,
    origins: BTreeMap<Path, Origin>,
    name: String,
    text: String,
    shown: Arc<NamedSource<String>>,
}

/// Where a value came from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Byte ranges of the key (empty for elements of a list) and of the value.
    Written { key: Range<usize>, value: Range<usize> },
    /// The environment variable's name.
    Variable(String),
}

/// Which part of a setting a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Key,
    Value,
}

/// A problem before its place was looked up.
#[derive(Clone, Debug)]
pub struct Finding {
    pub path: Path,
    pub part: Part,
    pub message: String,
    pub help: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Something is wrong with the value at `path`.
    pub fn value(&mut self, path: Path, message: impl Into<String>, help: Option<&str>) {
        self.0.push(Finding {
            path,
            part: Part::Value,
            message: message.into(),
            help: help.map(str::to_owned),
        });
    }

    /// Something is wrong with the key at `path`, or with the table that it opens.
    pub fn key(&mut self, path: Path, message: impl Into<String>, help: Option<String>) {
        self.0.push(Finding { path, part: Part::Key, message: message.into(), help });
    }

    /// Whether something at, above or below `path` was found wrong.
    pub fn touch(&self, path: &Path) -> bool {
        self.0.iter().any(|finding| finding.path.touches(path))
    }
}

impl Tree {
    /// A tree without a file.
    pub fn empty() -> Self {
        Self::with(String::new(), String::new(), Value::Object(Map::new()), BTreeMap::new())
    }

    /// Reads TOML. What cannot be read is a problem; what can is in the tree.
    pub fn read(text: &str, name: &str) -> (Self, Vec<Problem>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut origins = BTreeMap::new();
        let value = table_value(table.get_ref(), &Path::default(), &mut origins);
        let tree = Self::with(name.to_owned(), text.to_owned(), value, origins);
        let problems = errors
            .iter()
            .map(|error| {
                let span = error.span().unwrap_or(0..0);
                let message = format!("this is not valid TOML: {}", error.message().trim());
                Problem::new(
                    String::new(),
                    tree.position(span.start),
                    message,
                    None,
                    Some(tree.excerpt(span)),
                )
            })
            .collect();
        (tree, problems)
    }

    fn with(name: String, text: String, value: Value, origins: BTreeMap<Path, Origin>) -> Self {
        let shown = Arc::new(NamedSource::new(&name, mask::text(&text, &[])));
        Self { value, origins, name, text, shown }
    }

    /// Masks the values at `paths` in what problems show from now on.
    pub fn hide(&mut self, paths: &[Path]) {
        let spans: Vec<Range<usize>> = paths
            .iter()
            .filter_map(|path| match self.origins.get(path)? {
                Origin::Written { value, .. } => Some(value.clone()),
                Origin::Variable(_) => None,
            })
            .collect();
        self.shown = Arc::new(NamedSource::new(&self.name, mask::text(&self.text, &spans)));
    }

    /// Puts a value from an environment variable at `path`, over what the file says.
    pub fn set(&mut self, path: &Path, value: Value, variable: &str) {
        let mut slot = &mut self.value;
        for step in &path.0 {
            let Step::Key(key) = step else { return };
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            let Value::Object(table) = slot else { return };
            slot = table.entry(key.clone()).or_insert(Value::Null);
        }
        *slot = value;
        self.origins.insert(path.clone(), Origin::Variable(variable.to_owned()));
    }

    /// Takes the value at `path` out, so that what is wrong with it is said once.
    pub fn remove(&mut self, path: &Path) {
        let Some((last, way)) = path.0.split_last() else { return };
        let mut slot = &mut self.value;
        for step in way {
            let next = match step {
                Step::Key(key) => slot.get_mut(key),
                Step::Index(index) => slot.get_mut(index),
            };
            let Some(next) = next else { return };
            slot = next;
        }
        match (last, slot) {
            (Step::Key(key), Value::Object(table)) => {
                table.remove(key);
            }
            // Elements keep their index, by which they are found in the file.
            (Step::Index(index), Value::Array(list)) => {
                if let Some(element) = list.get_mut(*index) {
                    *element = Value::Null;
                }
            }
            _ => {}
        }
    }

    /// The value at `path`.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.0.iter().try_fold(&self.value, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Index(index) => value.get(index),
        })
    }

    /// A finding with its place: that of the setting, or of the nearest table around it that is written.
    pub fn locate(&self, finding: Finding) -> Problem {
        let mut path = Some(finding.path.clone());
        let mut exact = true;
        while let Some(here) = path {
            if let Some(origin) = self.origins.get(&here) {
                let (place, excerpt) = match origin {
                    Origin::Variable(name) => (Place::Variable(name.clone()), None),
                    Origin::Written { key, value } => {
                        let span = if key.is_empty() || (exact && finding.part == Part::Value) {
                            value
                        } else {
                            key
                        };
                        let span = self.first_line(span);
                        (self.position(span.start), Some(self.excerpt(span)))
                    }
                };
                return Problem::new(finding.path.to_string(), place, finding.message, finding.help, excerpt);
            }
            exact = false;
            path = here.parent();
        }
        Problem::new(finding.path.to_string(), Place::Unwritten, finding.message, finding.help, None)
    }

    fn excerpt(&self, span: Range<usize>) -> Excerpt {
        Excerpt { source: self.shown.clone(), span }
    }

    /// A table or a list can span many lines; its beginning is enough to find it.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let length = text.find(['\n', '\r']).unwrap_or(text.len());
        span.start..span.start + length
    }

    fn position(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::File { name: self.name.clone(), line, column }
    }
}

fn table_value(table: &DeTable<'_>, path: &Path, origins: &mut BTreeMap<Path, Origin>) -> Value {
    let mut out = Map::new();
    for (key, value) in table {
        let here = path.key(key.get_ref());
        origins.insert(here.clone(), Origin::Written { key: key.span(), value: value.span() });
        out.insert(key.get_ref().to_string(), value_of(value.get_ref(), &here, origins));
    }
    Value::Object(out)
}

fn value_of(value: &DeValue<'_>, path: &Path, origins: &mut BTreeMap<Path, Origin>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        // No setting is a date: null is of no accepted type, and is refused as such.
        DeValue::Datetime(_) => Value::Null,
        DeValue::Array(list) => {
            let elements = list.iter().enumerate().map(|(i, element)| {
                let here = path.index(i);
                origins.insert(here.clone(), Origin::Written { key: 0..0, value: element.span() });
                value_of(element.get_ref(), &here, origins)
            });
            Value::Array(elements.collect())
        }
        DeValue::Table(table) => table_value(table, path, origins),
    }
}
