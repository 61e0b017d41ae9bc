//! The members of a table of a catalogue file: each is read by its own rule, and what is wrong with it is noted.

use super::Draft;
use crate::catalog::model::{Ability, Kind, Modality};
use crate::catalog::price::{Class, Rates, Tariff, Tier, decimal};
use portcullis_model::Problem;
use portcullis_model::provider::Api;
use toml::{Table, Value};

/// Bytes of a name: the longest that a request may ask for.
const MAX_NAME: usize = 256;

/// The members of a table, being read; what is wrong is noted, and reading goes on.
pub(super) struct Members<'a> {
    /// Path of the table.
    pub(super) at: String,
    pub(super) table: &'a Table,
    /// Where to look for what the table does not say.
    pub(super) defaults: Option<&'a Table>,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl<'a> Members<'a> {
    pub(super) fn draft(&mut self) -> Option<Draft> {
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
        let api = self
            .own("api")
            .and_then(|value| self.word("api", value, Api::named, Api::ALL.iter().map(|api| api.as_str())));
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
            api,
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

    pub(super) fn only(&mut self, known: &'static [&'static str]) {
        for name in self.table.keys() {
            if !known.contains(&name.as_str()) {
                self.unknown(name, name, known.iter().copied());
            }
        }
    }

    fn unknown(&mut self, path: &str, name: &str, known: impl Iterator<Item = &'static str>) {
        self.wrong(path, &format!("there is no member `{name}`; there are {}", listed(known)));
    }

    pub(super) fn wrong(&mut self, member: &str, message: &str) {
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

pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
