//! The strict reader of catalogue files: everything is known, exact and sourced, or the file is refused with the model's
//! and the member's name.
//!
//! ```toml
//! vendor = "openai"                       # of every model below, unless it says its own; so are these:
//! source = "https://example.com/pricing"
//! checked = 2026-11-22
//! currency = "USD"
//!
//! [[models]]
//! id = "example-1"
//! aliases = ["example-1-2026-11-01"]
//! kind = "chat"
//! context = 400000
//! output = 128000
//! takes = ["text", "image"]
//! gives = ["text"]
//! abilities = ["streaming", "tools"]
//! price = { input = "2.50", cached_input = "0.25", output = "10" }        # for a million, as decimals in strings
//! tiers = [{ above = 200000, input = "5", output = "15" }]                # what is not named costs as in `price`
//! batch = { input = "1.25", output = "5" }                                # likewise
//! batch_tiers = [{ above = 200000, input = "2.50", output = "7.50" }]     # then as in that tier, `batch`, `price`
//! ```

use super::model::{Ability, Kind, Modality, Model};
use super::price::{Class, Rates, Tariff, Tier, decimal};
use portcullis_model::Problem;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// A model as a file tells it: only what it names.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) vendor: String,
    pub(super) id: String,
    kind: Option<Kind>,
    aliases: Option<Vec<String>>,
    context: Option<u64>,
    output: Option<u64>,
    dimensions: Option<u64>,
    takes: Option<Vec<Modality>>,
    gives: Option<Vec<Modality>>,
    abilities: Option<Vec<Ability>>,
    retires: Option<String>,
    tariff: Option<Tariff>,
    source: String,
    checked: String,
}

const TOP: &[&str] = &["vendor", "source", "checked", "currency", "models"];

const MODEL: &[&str] = &[
    "vendor",
    "id",
    "aliases",
    "kind",
    "context",
    "output",
    "dimensions",
    "takes",
    "gives",
    "abilities",
    "retires",
    "currency",
    "price",
    "tiers",
    "batch",
    "batch_tiers",
    "source",
    "checked",
];

/// Bytes of a name: the longest that a request may ask for.
const MAX_NAME: usize = 256;

/// Reads a file; all of its problems.
pub(super) fn drafts(text: &str) -> Result<Vec<Draft>, Vec<Problem>> {
    let file: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        vec![Problem::new(format!("line {line}"), error.message())]
    })?;
    let mut problems = Vec::new();
    let mut top = Members { at: String::new(), table: &file, defaults: None, problems: &mut problems };
    top.only(TOP);
    let entries = match file.get("models") {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => {
            top.wrong("models", "must be tables, each below `[[models]]`");
            &[]
        }
        None => &[],
    };
    let mut taken = BTreeSet::new();
    let mut drafts = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let Some(table) = entry.as_table() else {
            problems.push(Problem::new(format!("models[{index}]"), "must be a table, below `[[models]]`"));
            continue;
        };
        // Named by vendor and id where it has them, for they are what the reader looks for.
        let word = |member: &str| table.get(member).or_else(|| file.get(member)).and_then(Value::as_str);
        let at = match (word("vendor"), table.get("id").and_then(Value::as_str)) {
            (Some(vendor), Some(id)) => format!("models.{vendor}/{id}"),
            (None, Some(id)) => format!("models.{id}"),
            _ => format!("models[{index}]"),
        };
        let mut members = Members { at, table, defaults: Some(&file), problems: &mut problems };
        members.only(MODEL);
        let Some(draft) = members.draft() else { continue };
        let aliases = draft.aliases.iter().flatten().map(|alias| ("aliases", alias));
        for (member, name) in std::iter::once(("id", &draft.id)).chain(aliases) {
            if !taken.insert((draft.vendor.clone(), name.clone())) {
                members.wrong(
                    member,
                    &format!("another model of this file, or this one, has this name already: `{name}`"),
                );
            }
        }
        drafts.push(draft);
    }
    if problems.is_empty() { Ok(drafts) } else { Err(problems) }
}

impl Draft {
    /// The model: `known`, and on top what this says.
    pub(super) fn over(self, known: Option<&Model>) -> Result<Model, Problem> {
        let Some(kind) = self.kind.or(known.map(|model| model.kind)) else {
            return Err(Problem::new(
                format!("models.{}/{}.kind", self.vendor, self.id),
                format!(
                    "is missing; a model that is not built in needs it, one of {}",
                    listed(Kind::ALL.iter().map(|kind| kind.name()))
                ),
            ));
        };
        let (takes, gives) = ways(kind);
        let base = known.cloned().unwrap_or_else(|| Model {
            vendor: self.vendor.clone(),
            id: self.id.clone(),
            aliases: Vec::new(),
            kind,
            context: None,
            output: None,
            dimensions: None,
            takes: takes.to_vec(),
            gives: gives.to_vec(),
            abilities: Vec::new(),
            retires: None,
            tariff: None,
            source: String::new(),
            checked: String::new(),
        });
        Ok(Model {
            vendor: self.vendor,
            id: self.id,
            aliases: self.aliases.unwrap_or(base.aliases),
            kind,
            context: self.context.or(base.context),
            output: self.output.or(base.output),
            dimensions: self.dimensions.or(base.dimensions),
            takes: self.takes.unwrap_or(base.takes),
            gives: self.gives.unwrap_or(base.gives),
            abilities: self.abilities.unwrap_or(base.abilities),
            retires: self.retires.or(base.retires),
            tariff: self.tariff.or(base.tariff),
            source: self.source,
            checked: self.checked,
        })
    }
}

/// What a kind takes in and gives out, unless its entry says so.
fn ways(kind: Kind) -> (&'static [Modality], &'static [Modality]) {
    use Modality::{Audio, Image, Text};
    match kind {
        Kind::Chat => (&[Text], &[Text]),
        Kind::Embedding | Kind::Rerank | Kind::Moderation => (&[Text], &[]),
        Kind::Image => (&[Text], &[Image]),
        Kind::Transcription => (&[Audio], &[Text]),
        Kind::Speech => (&[Text], &[Audio]),
        Kind::Realtime => (&[Text, Audio], &[Text, Audio]),
    }
}

/// The members of a table, being read; what is wrong is noted, and reading goes on.
struct Members<'a> {
    /// Path of the table.
    at: String,
    table: &'a Table,
    /// Where to look for what the table does not say.
    defaults: Option<&'a Table>,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Members<'a> {
    fn draft(&mut self) -> Option<Draft> {
        let before = self.problems.len();
        let vendor = self.required("vendor", |this, value| this.name("vendor", value));
        let id = self.required("id", |this, value| this.name("id", value));
        let source = self.required("source", |this, value| this.line("source", value));
        let checked = self.required("checked", |this, value| this.date("checked", value));
        let kind = self.own("kind").and_then(|value| {
            self.word("kind", value, Kind::named, Kind::ALL.iter().map(|kind| kind.name()))
        });
        let aliases = self
            .own("aliases")
            .map(|value| self.list("aliases", value, |this, value| this.name("aliases", value)));
        let takes = self
            .own("takes")
            .map(|value| self.list("takes", value, |this, value| this.modality("takes", value)));
        let gives = self
            .own("gives")
            .map(|value| self.list("gives", value, |this, value| this.modality("gives", value)));
        let abilities = self.own("abilities").map(|value| {
            self.list("abilities", value, |this, value| {
                this.word(
                    "abilities",
                    value,
                    Ability::named,
                    Ability::ALL.iter().map(|ability| ability.name()),
                )
            })
        });
        let [context, output, dimensions] = ["context", "output", "dimensions"]
            .map(|member| self.own(member).and_then(|value| self.count(member, value)));
        let retires = self.own("retires").and_then(|value| self.date("retires", value));
        let tariff = self.tariff();
        // Each `?` has a problem behind it; the rest of the entry was read for the sake of its own.
        let draft = Draft {
            vendor: vendor?,
            id: id?,
            kind,
            aliases,
            context,
            output,
            dimensions,
            takes,
            gives,
            abilities,
            retires,
            tariff,
            source: source?,
            checked: checked?,
        };
        (self.problems.len() == before).then_some(draft)
    }

    fn tariff(&mut self) -> Option<Tariff> {
        let Some(price) = self.own("price") else {
            for member in ["currency", "tiers", "batch", "batch_tiers"] {
                if self.own(member).is_some() {
                    self.wrong(
                        member,
                        "needs `price` beside it; the members of a tariff are replaced together",
                    );
                }
            }
            return None;
        };
        let currency = match self.either("currency") {
            None => "USD".to_owned(),
            Some(Value::String(code))
                if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) =>
            {
                code.clone()
            }
            Some(_) => {
                self.wrong("currency", "must be a code of ISO 4217, as `\"USD\"`");
                return None;
            }
        };
        let price = self.rates("price", price, false)?.rates;
        let tiers = self.tiers("tiers");
        let batch = self.own("batch").map(|value| self.rates("batch", value, false));
        let batch_tiers = self.tiers("batch_tiers");
        if batch.is_none() && !batch_tiers.is_empty() {
            self.wrong("batch_tiers", "needs `batch` beside it");
        }
        let standard = resolved(&price, &tiers);
        let batch = match batch {
            None => Vec::new(),
            Some(batch) => {
                let batch = batch?.rates.over(&price);
                // A boundary of either kind is one of both.
                let mut bounds: Vec<u64> = tiers.iter().chain(&batch_tiers).map(|tier| tier.above).collect();
                bounds.sort_unstable();
                bounds.dedup();
                let at = |tiers: &[Tier], above: u64| {
                    tiers
                        .iter()
                        .rev()
                        .find(|tier| tier.above <= above)
                        .map(|tier| tier.rates.clone())
                        .unwrap_or_default()
                };
                let tiers: Vec<Tier> = bounds
                    .into_iter()
                    .map(|above| Tier { above, rates: at(&batch_tiers, above).over(&at(&tiers, above)) })
                    .collect();
                resolved(&batch, &tiers)
            }
        };
        Some(Tariff { currency, standard, batch })
    }

    fn tiers(&mut self, member: &str) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = Vec::new();
        let Some(value) = self.own(member) else { return tiers };
        for value in self.array(member, value) {
            let Some(tier) = self.rates(member, value, true) else { continue };
            if tiers.last().map_or(0, |last| last.above) >= tier.above {
                self.wrong(
                    &format!("{member}.above"),
                    "must be more than 0, and more than in the tier before",
                );
            }
            tiers.push(tier);
        }
        tiers
    }

    /// A table of rates; with `tier`, also its `above`.
    fn rates(&mut self, member: &str, value: &Value, tier: bool) -> Option<Tier> {
        let Some(table) = value.as_table() else {
            self.wrong(member, "must be a table, as `{ input = \"2.50\", output = \"10\" }`");
            return None;
        };
        let (mut rates, mut above, before) = (Rates::default(), 0, self.problems.len());
        for (name, value) in table {
            let path = format!("{member}.{name}");
            if tier && name == "above" {
                above = self.count(&path, value).unwrap_or(0);
                continue;
            }
            let Some(class) = Class::named(name) else {
                self.unknown(&path, name, Class::ALL.iter().map(|class| class.name()));
                continue;
            };
            match value {
                Value::String(text) => match decimal(text) {
                    Ok(rate) => rates.set(class, rate),
                    Err(why) => self.wrong(&path, &format!("{why}: `{text}`")),
                },
                Value::Float(number) => {
                    self.wrong(
                        &path,
                        &format!("must be a decimal in quotes, since a float is not exact: `\"{number}\"`"),
                    );
                }
                Value::Integer(number) => {
                    self.wrong(&path, &format!("must be a decimal in quotes: `\"{number}\"`"))
                }
                _ => self.wrong(&path, "must be a decimal in quotes, as `\"2.50\"`"),
            }
        }
        if tier && !table.contains_key("above") {
            self.wrong(
                &format!("{member}.above"),
                "is missing; it says from how many tokens of prompt the tier counts",
            );
        }
        if rates.is_empty() && self.problems.len() == before {
            self.wrong(member, "has no price in it");
        }
        (self.problems.len() == before).then_some(Tier { above, rates })
    }

    fn own(&self, member: &str) -> Option<&'a Value> {
        self.table.get(member)
    }

    fn either(&self, member: &str) -> Option<&'a Value> {
        self.own(member).or_else(|| self.defaults?.get(member))
    }

    /// A member that must be there, in the table or, `id` aside, in the file.
    fn required<T>(
        &mut self,
        member: &str,
        read: impl FnOnce(&mut Self, &'a Value) -> Option<T>,
    ) -> Option<T> {
        let found = if member == "id" { self.own(member) } else { self.either(member) };
        match found {
            Some(value) => read(self, value),
            None if member == "id" => {
                self.wrong(member, "is missing; it is what the vendor's API calls the model");
                None
            }
            None => {
                self.wrong(member, "is missing; give it here, or once at the top of the file");
                None
            }
        }
    }

    fn array(&mut self, member: &str, value: &'a Value) -> &'a [Value] {
        value.as_array().map_or_else(
            || {
                self.wrong(member, "must be a list");
                &[][..]
            },
            Vec::as_slice,
        )
    }

    fn list<T: PartialEq>(
        &mut self,
        member: &str,
        value: &'a Value,
        mut read: impl FnMut(&mut Self, &'a Value) -> Option<T>,
    ) -> Vec<T> {
        let mut list = Vec::new();
        for value in self.array(member, value) {
            let Some(item) = read(self, value) else { continue };
            if list.contains(&item) {
                self.wrong(member, &format!("holds this twice: {value}"));
            }
            list.push(item);
        }
        list
    }

    fn name(&mut self, member: &str, value: &Value) -> Option<String> {
        match value.as_str() {
            Some(name)
                if !name.is_empty()
                    && name.len() <= MAX_NAME
                    && name.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Some(name.to_owned())
            }
            _ => {
                self.wrong(member, "must be 1 to 256 visible ASCII characters");
                None
            }
        }
    }

    fn line(&mut self, member: &str, value: &Value) -> Option<String> {
        match value.as_str() {
            Some(text) if !text.trim().is_empty() && !text.chars().any(char::is_control) => {
                Some(text.to_owned())
            }
            _ => {
                self.wrong(member, "must say where the figures are from: a page's URL, or a contract's name");
                None
            }
        }
    }

    /// A date without time; TOML has checked that there is such a day.
    fn date(&mut self, member: &str, value: &Value) -> Option<String> {
        match value {
            Value::Datetime(toml::value::Datetime { date: Some(date), time: None, offset: None }) => {
                Some(date.to_string())
            }
            _ => {
                self.wrong(member, "must be a date without quotes, as `2026-11-22`");
                None
            }
        }
    }

    fn count(&mut self, member: &str, value: &Value) -> Option<u64> {
        let count = value.as_integer().and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
        if count.is_none() {
            self.wrong(member, &format!("must be a whole number above 0: `{value}`"));
        }
        count
    }

    fn modality(&mut self, member: &str, value: &Value) -> Option<Modality> {
        self.word(member, value, Modality::named, Modality::ALL.iter().map(|modality| modality.name()))
    }

    fn word<T>(
        &mut self,
        member: &str,
        value: &Value,
        named: fn(&str) -> Option<T>,
        all: impl Iterator<Item = &'static str>,
    ) -> Option<T> {
        let found = value.as_str().and_then(named);
        if found.is_none() {
            self.wrong(member, &format!("must be one of {}: {value}", listed(all)));
        }
        found
    }

    fn only(&mut self, known: &'static [&'static str]) {
        for name in self.table.keys() {
            if !known.contains(&name.as_str()) {
                self.unknown(name, name, known.iter().copied());
            }
        }
    }

    fn unknown(&mut self, path: &str, name: &str, known: impl Iterator<Item = &'static str>) {
        self.wrong(path, &format!("there is no member `{name}`; there are {}", listed(known)));
    }

    fn wrong(&mut self, member: &str, message: &str) {
        let at = if self.at.is_empty() { member.to_owned() } else { format!("{}.{member}", self.at) };
        self.problems.push(Problem::new(at, message));
    }
}

/// Tiers with every rate in place, the first of them `base`.
fn resolved(base: &Rates, tiers: &[Tier]) -> Vec<Tier> {
    let first = Tier { above: 0, rates: base.clone() };
    let rest = tiers.iter().map(|tier| Tier { above: tier.above, rates: tier.rates.over(base) });
    std::iter::once(first).chain(rest).collect()
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use crate::catalog::{Ability, Catalog, Class, Kind, Modality, Model};
    use proptest::prelude::*;

    const TOP: &str = "vendor = \"v\"\nsource = \"https://example.com\"\nchecked = 2026-11-22\n";
    const CHAT: &str = "id = \"m\"\nkind = \"chat\"\nprice = { input = \"2\", output = \"10\" }\n";

    fn load(entry: &str) -> Result<Catalog, Vec<String>> {
        Catalog::default()
            .with(&format!("{TOP}[[models]]\n{entry}"))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn model(catalog: &Catalog) -> &Model {
        catalog.find("v", "m").unwrap()
    }

    #[test]
    fn what_is_wrong_is_said_with_the_model_and_the_member() {
        let long = format!("id = \"{}\"\nkind = \"chat\"", "x".repeat(257));
        for (entry, at, says) in [
            ("kind = \"chat\"", "models[0].id", "is missing"),
            ("id = \"m\"", "models.v/m.kind", "`transcription`"),
            ("id = \"\"\nkind = \"chat\"", "models.v/.id", "visible ASCII"),
            ("id = \"a b\"\nkind = \"chat\"", "models.v/a b.id", "visible ASCII"),
            (&long, &format!("models.v/{}.id", "x".repeat(257)), "1 to 256"),
            ("id = \"m\"\nkind = \"talk\"", "models.v/m.kind", "one of `chat`"),
            (
                "id = \"m\"\nkind = \"chat\"\ncontxt = 1",
                "models.v/m.contxt",
                "no member `contxt`; there are `vendor`",
            ),
            ("id = \"m\"\nkind = \"chat\"\ncontext = 0", "models.v/m.context", "above 0: `0`"),
            ("id = \"m\"\nkind = \"chat\"\ncontext = -5", "models.v/m.context", "above 0: `-5`"),
            ("id = \"m\"\nkind = \"chat\"\noutput = 1.5", "models.v/m.output", "whole number"),
            ("id = \"m\"\nkind = \"chat\"\naliases = \"x\"", "models.v/m.aliases", "must be a list"),
            ("id = \"m\"\nkind = \"chat\"\naliases = [\"x\", \"x\"]", "models.v/m.aliases", "twice"),
            (
                "id = \"m\"\nkind = \"chat\"\naliases = [\"m\"]",
                "models.v/m.aliases",
                "this name already: `m`",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nabilities = [\"flying\"]",
                "models.v/m.abilities",
                "one of `streaming`",
            ),
            ("id = \"m\"\nkind = \"chat\"\ntakes = [\"smell\"]", "models.v/m.takes", "one of `text`"),
            ("id = \"m\"\nkind = \"chat\"\nretires = \"2027-01-01\"", "models.v/m.retires", "without quotes"),
            (
                "id = \"m\"\nkind = \"chat\"\nretires = 2027-01-01T00:00:00Z",
                "models.v/m.retires",
                "without quotes",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nsource = \" \"",
                "models.v/m.source",
                "where the figures are from",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = 2.5 }",
                "models.v/m.price.input",
                "a float is not exact: `\"2.5\"`",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = 2 }",
                "models.v/m.price.input",
                "in quotes: `\"2\"`",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = \"-2\" }",
                "models.v/m.price.input",
                "negative: `-2`",
            ),
            ("id = \"m\"\nkind = \"chat\"\nprice = { input = \"1e3\" }", "models.v/m.price.input", "decimal"),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { inputs = \"2\" }",
                "models.v/m.price.inputs",
                "no member `inputs`; there are `input`",
            ),
            ("id = \"m\"\nkind = \"chat\"\nprice = {}", "models.v/m.price", "no price in it"),
            ("id = \"m\"\nkind = \"chat\"\nprice = \"2\"", "models.v/m.price", "must be a table"),
            ("id = \"m\"\nkind = \"chat\"\nbatch = { input = \"1\" }", "models.v/m.batch", "needs `price`"),
            ("id = \"m\"\nkind = \"chat\"\ncurrency = \"EUR\"", "models.v/m.currency", "needs `price`"),
            (
                "id = \"m\"\nkind = \"chat\"\ncurrency = \"euro\"\nprice = { input = \"1\" }",
                "models.v/m.currency",
                "ISO 4217",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = \"1\" }\ntiers = [{ input = \"2\" }]",
                "models.v/m.tiers.above",
                "is missing",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = \"1\" }\ntiers = [{ above = 5 }]",
                "models.v/m.tiers",
                "no price in it",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = \"1\" }\ntiers = [{ above = 5, input = \"2\" }, { above = 5, input = \"3\" }]",
                "models.v/m.tiers.above",
                "more than in the tier before",
            ),
            (
                "id = \"m\"\nkind = \"chat\"\nprice = { input = \"1\" }\nbatch_tiers = [{ above = 5, input = \"2\" }]",
                "models.v/m.batch_tiers",
                "needs `batch`",
            ),
        ] {
            let problems = load(entry).unwrap_err();
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.starts_with(&format!("{at}: ")) && problem.contains(says)),
                "{entry}\n{problems:#?}"
            );
            assert_eq!(problems.len(), 1, "{entry}\n{problems:#?}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said_too() {
        for (text, at, says) in [
            ("vendor = \"v\"\nvendor = \"v\"", "line 2", "duplicate key"),
            ("[[models]]\n", "models[0].vendor", "top of the file"),
            ("[[models]]\nid = \"m\"", "models.m.source", "top of the file"),
            ("[[models]]\nid = \"m\"", "models.m.checked", "top of the file"),
            ("models = 1", "models", "[[models]]"),
            ("models = [1]", "models[0]", "[[models]]"),
            ("modles = []", "modles", "no member `modles`"),
        ] {
            let problems = Catalog::default().with(text).unwrap_err();
            assert!(
                problems.iter().any(|problem| problem.at == at && problem.message.contains(says)),
                "{text}\n{problems:#?}"
            );
        }
        let all = format!(
            "{TOP}[[models]]\nid = \"a\"\nkind = 1\nprice = {{ input = 1.5 }}\n[[models]]\nid = \"b\"\nflag = true\n"
        );
        assert_eq!(Catalog::default().with(&all).unwrap_err().len(), 3, "every problem at once");
        let twice =
            format!("{TOP}[[models]]\n{CHAT}[[models]]\nid = \"n\"\nkind = \"chat\"\naliases = [\"m\"]\n");
        assert_eq!(Catalog::default().with(&twice).unwrap_err()[0].at, "models.v/n.aliases");
    }

    #[test]
    fn tiers_and_batches_take_what_they_do_not_name_from_what_is_nearest() {
        let catalog = load(
            "id = \"m\"\nkind = \"chat\"\nprice = { input = \"8\", cached_input = \"4\", output = \"16\" }\n\
             tiers = [{ above = 100, input = \"10\", output = \"20\" }, { above = 200, output = \"30\" }]\n\
             batch = { input = \"2\", cached_input = \"1\" }\nbatch_tiers = [{ above = 100, input = \"3\" }]\n",
        )
        .unwrap();
        let tariff = model(&catalog).tariff.as_ref().unwrap();
        let of = |prompt, batch| {
            [Class::Input, Class::CachedInput, Class::Output]
                .map(|class| tariff.rates(prompt, batch).of(class).unwrap() / 1_000_000_000)
        };
        assert_eq!([of(100, false), of(101, false), of(201, false)], [[8, 4, 16], [10, 4, 20], [8, 4, 30]]);
        // In a batch: its tier, then the tier, then the batch, then the price.
        assert_eq!([of(100, true), of(101, true), of(201, true)], [[2, 1, 16], [3, 1, 20], [3, 1, 30]]);
    }

    #[test]
    fn a_file_of_the_operators_adds_and_overrides() {
        let base = load(&format!("{CHAT}aliases = [\"m-1\", \"m-2\"]\ncontext = 5\nbatch = {{ input = \"1\" }}\nabilities = [\"tools\"]\n")).unwrap();
        let over = |entry: &str| {
            base.with(&format!(
                "vendor = \"v\"\nsource = \"our contract\"\nchecked = 2026-12-01\n[[models]]\n{entry}"
            ))
        };

        let catalog = over("id = \"m\"\ncontext = 7\n").unwrap();
        let there = model(&catalog);
        assert_eq!(
            (there.context, there.source.as_str(), there.checked.as_str()),
            (Some(7), "our contract", "2026-12-01")
        );
        assert_eq!((there.kind, there.tariff.is_some(), there.has(Ability::Tools)), (Kind::Chat, true, true));
        assert_eq!(catalog.find("v", "m-2"), Some(there));

        // A new price leaves nothing of the old tariff, its batch least of all.
        let catalog =
            over("id = \"m\"\ncurrency = \"EUR\"\nprice = { input = \"1.5\", output = \"9\" }\n").unwrap();
        let tariff = model(&catalog).tariff.as_ref().unwrap();
        assert_eq!((tariff.currency.as_str(), tariff.batch.len()), ("EUR", 0));

        // A snapshot priced apart is a model of its own from then on.
        let catalog =
            over("id = \"m-1\"\nkind = \"chat\"\nprice = { input = \"3\", output = \"3\" }\n").unwrap();
        assert_eq!(catalog.find("v", "m-1").unwrap().id, "m-1");
        assert_eq!(model(&catalog).aliases, ["m-2"]);
        assert_eq!(catalog.models().len(), 2);

        // Aliases that are replaced are gone; one that is another model's id is refused.
        let catalog = over("id = \"m\"\naliases = [\"m-3\"]\n").unwrap();
        assert!(catalog.find("v", "m-1").is_none() && catalog.find("v", "m-3").is_some());
        let problems = over("id = \"n\"\nkind = \"chat\"\naliases = [\"m\"]\n").unwrap_err();
        assert_eq!((problems.len(), problems[0].at.as_str()), (1, "models.v/n.aliases"));
        assert!(over("id = \"n\"\n").unwrap_err()[0].message.contains("not built in"));
        assert_eq!(model(&base).context, Some(5), "the base is not touched");
    }

    #[test]
    fn a_kind_says_what_goes_in_and_out_unless_the_entry_does() {
        let catalog = load("id = \"m\"\nkind = \"speech\"\n").unwrap();
        assert_eq!(
            (model(&catalog).takes.as_slice(), model(&catalog).gives.as_slice()),
            (&[Modality::Text][..], &[Modality::Audio][..])
        );
        let catalog = load("id = \"m\"\nkind = \"chat\"\ntakes = [\"text\", \"image\"]\n").unwrap();
        assert!(model(&catalog).sees());
    }

    proptest! {
        #[test]
        fn no_file_panics(text in "\\PC{0,200}", entry in "((id|kind|price|tiers|batch|aliases|checked|context) = (\\{\\}|\\[\\]|1|\"m\"|\"chat\"|2026-01-01|\\[\\{\\}\\]|\\[1\\])\n){0,6}") {
            let _ = Catalog::default().with(&text);
            let _ = load(&entry);
        }
    }
}
