//! One text and the environment to one configuration, with every problem on the way.

use crate::check::{self, Subject};
use crate::place::{Path, Place, Step};
use crate::schema::Shapes;
use crate::shape::{self, shown, subject};
use crate::tree::{Findings, Tree};
use crate::{Config, Errors, environment};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Parses and checks the text of a configuration file; `name` is what problems call it. Paths stay as written.
pub fn parse(text: &str, name: &str) -> Result<Config, Errors> {
    read(Some((text, name)), [])
}

/// The same, with variables laid over it.
pub fn read(
    file: Option<(&str, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Errors> {
    let shapes = Shapes::new();
    let (mut tree, mut problems) =
        file.map_or_else(|| (Tree::empty(), Vec::new()), |(text, name)| Tree::read(text, name));
    if !problems.is_empty() {
        // What recovery made of broken syntax would only give problems that nobody has.
        return Err(Errors::new(problems));
    }
    problems.extend(environment::apply(&shapes, &mut tree, environment));
    let mut findings = Findings::default();
    shape::check(&shapes, &mut tree, &mut findings);
    let mut reader = Reader { shapes: &shapes, tree: &mut tree, findings: &mut findings };
    let (config, index) = reader.config();
    check::all(&Subject { config: &config, index: &index, tree: &tree }, &mut findings);
    problems.extend(findings.0.into_iter().map(|finding| tree.locate(finding)));
    if problems.is_empty() {
        return Ok(config);
    }
    problems.sort_by_key(|problem| match &problem.place {
        Place::Variable(name) => (0, 0, 0, name.clone()),
        Place::File { line, column, .. } => (1, *line, *column, String::new()),
        Place::Unwritten => (2, 0, 0, problem.at.clone()),
    });
    problems.dedup_by(|a, b| a.place == b.place && a.message == b.message);
    Err(Errors::new(problems))
}

/// For each list, which element of the file each of its elements is: those that cannot be read are left out.
#[derive(Debug, Default)]
pub struct Index {
    pub tenants: Vec<usize>,
    pub issuers: Vec<usize>,
    pub sources: Vec<usize>,
    pub providers: Vec<usize>,
    pub models: Vec<usize>,
    pub services: Vec<usize>,
    pub policies: Vec<usize>,
    pub webhooks: Vec<usize>,
}

/// Reads values into types, section by section and element by element.
struct Reader<'a> {
    shapes: &'a Shapes,
    tree: &'a mut Tree,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn config(&mut self) -> (Config, Index) {
        let mut config = Config {
            storage: self.section("storage"),
            cluster: self.section("cluster"),
            gateway: self.section("gateway"),
            control: self.section("control"),
            ai: self.section("ai"),
            resolution: self.section("resolution"),
            records: self.section("records"),
            telemetry: self.section("telemetry"),
            secrets: self.section("secrets"),
            events: self.section("events"),
            ..Config::default()
        };
        let mut index = Index::default();
        (config.tenants, index.tenants) = self.list("tenants");
        (config.issuers, index.issuers) = self.list("issuers");
        (config.sources, index.sources) = self.list("sources");
        (config.providers, index.providers) = self.list("providers");
        (config.models, index.models) = self.list("models");
        (config.services, index.services) = self.list("services");
        (config.policies, index.policies) = self.list("policies");
        (config.webhooks, index.webhooks) = self.list("webhooks");
        (config, index)
    }

    fn section<T: DeserializeOwned + Default>(&mut self, key: &str) -> T {
        let path = Path::of(key);
        if self.tree.at(&path).is_none() { T::default() } else { self.value(&path).unwrap_or_default() }
    }

    fn list<T: DeserializeOwned>(&mut self, key: &str) -> (Vec<T>, Vec<usize>) {
        let path = Path::of(key);
        let length = self.tree.at(&path).and_then(Value::as_array).map_or(0, Vec::len);
        (0..length).filter_map(|i| Some((self.value(&path.index(i))?, i))).unzip()
    }

    /// The value at `path` as a `T`. What cannot be read is said and taken out, and the rest read again, so that one
    /// wrong value does not hide the next.
    fn value<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        // More problems than this in one table are not worth listing.
        for _ in 0..64 {
            let value = self.tree.at(path).filter(|value| !value.is_null())?;
            let error = match serde_path_to_error::deserialize::<_, T>(value) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let at = error.path().iter().fold(path.clone(), |at, segment| match segment {
                serde_path_to_error::Segment::Seq { index } => at.index(*index),
                serde_path_to_error::Segment::Map { key } => at.key(key),
                _ => at,
            });
            if self.findings.touch(&at) {
                // The consequence of something that was said before.
                return None;
            }
            let (message, help) = self.explain(&at, &error.into_inner().to_string());
            self.findings.value(at.clone(), message, help);
            if at == *path {
                return None;
            }
            self.tree.remove(&at);
        }
        None
    }

    /// What a library says about a value, in terms of the file.
    fn explain(&self, at: &Path, error: &str) -> (String, Option<&'static str>) {
        let text = self.tree.at(at).and_then(Value::as_str).unwrap_or_default();
        let format =
            self.shapes.at(at).map(|shape| self.shapes.resolve(shape)["format"].as_str().unwrap_or_default());
        // The library repeats the value, which may hold a password, behind its reason.
        let reason = error.split(": \"").next().unwrap_or_default();
        let example = "write it as `https://api.example.com`";
        match format {
            // A URL that cannot be read may have a password anywhere.
            Some("uri") if text.contains('@') => {
                (format!("{} is not a URL: {reason}", subject(at)), Some(example))
            }
            Some("uri") => {
                (format!("{} is not a URL, {reason}: `{}`", subject(at), shown(text)), Some(example))
            }
            Some("socket-address") => (
                format!("{} is not an address with a port: `{}`", subject(at), shown(text)),
                Some("write it as `127.0.0.1:8080`, `[::1]:8080`, or `0.0.0.0:8080` for all addresses"),
            ),
            _ => match at.0.last() {
                Some(Step::Key(key)) => (format!("`{key}`: {error}"), None),
                _ => (error.to_owned(), None),
            },
        }
    }
}
