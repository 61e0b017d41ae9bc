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
//! api = "responses"                       # where the vendor has several endpoints for conversations, and it answers at one
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

mod members;

use super::model::{Ability, Kind, Modality, Model};
use super::price::Tariff;
use members::{Members, listed};
use portcullis_model::Problem;
use portcullis_model::provider::Api;
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
    api: Option<Api>,
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
    "api",
    "retires",
    "currency",
    "price",
    "tiers",
    "batch",
    "batch_tiers",
    "source",
    "checked",
];

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
            api: None,
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
            api: self.api.or(base.api),
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
        let more = "id = \"n\"\nkind = \"chat\"\naliases = [\"o\", \"m\"]\n[[models]]\nid = \"p\"\nkind = \"chat\"\naliases = [\"q\"]\n[[models]]\nid = \"r\"\n";
        assert_eq!(over(more).unwrap_err().len(), 2, "what comes after a problem is still looked at");
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
