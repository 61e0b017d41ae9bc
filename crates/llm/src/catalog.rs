//! The models that are known: what they can do, how much they take and give, what they cost.
//!
//! Here: facts as data (TOML, one file per vendor in `catalog/data`), the strict loader of such files, and the cost of a
//! call in whole nano-units. A file of the operator's own, in the same form, adds models and changes known ones
//! ([`Catalog::with`]). Not here: which models a caller may use, where they are deployed, and what limits there are on
//! what they cost; and no model is refused because this does not know it.
//!
//! The built-in files are parsed when they are first asked for, and by this crate's tests.

mod cost;
mod load;
mod model;
mod price;
mod reference;
mod words;

pub use cost::{Amounts, Cost, Unpriced};
pub use model::{Ability, Kind, Modality, Model};
pub use price::{Class, Rates, Tariff, Tier};
pub use reference::reference_markdown;

use portcullis_model::Problem;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Models by vendor and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// In the order in which they were first told.
    models: Vec<Model>,
    /// Vendor, then id or alias, then place in `models`.
    names: BTreeMap<String, BTreeMap<String, usize>>,
}

/// The built-in files: one per vendor, named after it.
const FILES: &[(&str, &str)] = &[
    ("openai", include_str!("catalog/data/openai.toml")),
    ("anthropic", include_str!("catalog/data/anthropic.toml")),
    ("gemini", include_str!("catalog/data/gemini.toml")),
    ("bedrock", include_str!("catalog/data/bedrock.toml")),
    ("azure", include_str!("catalog/data/azure.toml")),
    ("mistral", include_str!("catalog/data/mistral.toml")),
    ("xai", include_str!("catalog/data/xai.toml")),
    ("deepseek", include_str!("catalog/data/deepseek.toml")),
    ("cohere", include_str!("catalog/data/cohere.toml")),
    ("perplexity", include_str!("catalog/data/perplexity.toml")),
    ("groq", include_str!("catalog/data/groq.toml")),
    ("cerebras", include_str!("catalog/data/cerebras.toml")),
    ("together", include_str!("catalog/data/together.toml")),
    ("deepinfra", include_str!("catalog/data/deepinfra.toml")),
    ("sambanova", include_str!("catalog/data/sambanova.toml")),
    ("novita", include_str!("catalog/data/novita.toml")),
    ("dashscope", include_str!("catalog/data/dashscope.toml")),
    ("moonshot", include_str!("catalog/data/moonshot.toml")),
    ("zai", include_str!("catalog/data/zai.toml")),
    ("minimax", include_str!("catalog/data/minimax.toml")),
    ("ai21", include_str!("catalog/data/ai21.toml")),
    ("voyage", include_str!("catalog/data/voyage.toml")),
];

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| {
    let mut catalog = Catalog::default();
    for (_, text) in FILES {
        // The tests load these very bytes; a file that did not load would leave its models unknown, nothing worse.
        if let Ok(more) = catalog.with(text) {
            catalog = more;
        }
    }
    catalog
});

/// The built-in model of this id or alias at this vendor.
pub fn find(vendor: &str, model: &str) -> Option<&'static Model> {
    Catalog::built_in().find(vendor, model)
}

impl Catalog {
    /// The built-in one.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// The model of this id or alias at this vendor; names are compared byte for byte.
    pub fn find(&self, vendor: &str, model: &str) -> Option<&Model> {
        self.models.get(*self.names.get(vendor)?.get(model)?)
    }

    /// Every model, in the order in which they were first told.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &Model> {
        self.models.iter()
    }

    /// This catalogue with what a file says on top; every problem of the file, not only its first.
    ///
    /// - A model that is not known is added, and must say its `kind`.
    /// - Of a known one, the members that the file names are replaced, the others stay. The members of the tariff
    ///   (`currency`, `price`, `tiers`, `batch`, `batch_tiers`) go together: giving `price` replaces them all, since half of an
    ///   old tariff beside half of a new one is neither.
    /// - A name that was another model's alias becomes the file's: so a dated snapshot can be priced apart.
    /// - `source` and `checked` are asked of every entry, its own or the file's: a figure without them cannot be judged.
    pub fn with(&self, text: &str) -> Result<Self, Vec<Problem>> {
        let drafts = load::drafts(text)?;
        let mut catalog = self.clone();
        let mut problems = Vec::new();
        for draft in drafts {
            if let Err(problem) = catalog.absorb(draft) {
                problems.push(problem);
            }
        }
        if problems.is_empty() { Ok(catalog) } else { Err(problems) }
    }

    fn absorb(&mut self, draft: load::Draft) -> Result<(), Problem> {
        let known = self.names.entry(draft.vendor.clone()).or_default();
        // An alias of another model's is taken away from it, not followed: the file speaks of a model of this id.
        let there = known
            .get(&draft.id)
            .copied()
            .filter(|at| self.models.get(*at).is_some_and(|model| model.id == draft.id));
        let at = there.unwrap_or(self.models.len());
        let model = draft.over(self.models.get(at))?;
        // Names that it no longer has, then names that it has now, wherever they pointed.
        known.retain(|_, place| *place != at);
        for name in model.names() {
            if let Some(other) = known.insert(name.to_owned(), at)
                && let Some(other) = self.models.get_mut(other)
            {
                other.aliases.retain(|alias| alias != name);
                if other.id == name {
                    return Err(Problem::new(
                        model.place("aliases"),
                        format!("there is a model of this name already: `{name}`"),
                    ));
                }
            }
        }
        match self.models.get_mut(at) {
            Some(there) => *there = model,
            None => self.models.push(model),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_loads_and_speaks_of_its_own_vendor() {
        let mut catalog = Catalog::default();
        for (vendor, text) in FILES {
            let before = catalog.models.len();
            catalog = catalog.with(text).unwrap_or_else(|problems| panic!("{vendor}.toml: {problems:#?}"));
            assert!(catalog.models.len() > before, "{vendor}.toml holds no model");
            assert!(catalog.models[before..].iter().all(|model| model.vendor == *vendor), "{vendor}.toml");
        }
        assert_eq!(&catalog, Catalog::built_in());
        assert!(catalog.models.len() >= 150, "{}", catalog.models.len());
    }

    #[test]
    fn built_in_figures_are_whole() {
        for model in Catalog::built_in().models() {
            let of = format!("{}/{}", model.vendor, model.id);
            assert!(model.source.starts_with("https://"), "{of}: {}", model.source);
            let tariff = model.tariff.as_ref().unwrap_or_else(|| panic!("{of} has no price"));
            assert_eq!(tariff.currency, "USD", "{of}");
            let rates = tariff.rates(0, false);
            if matches!(model.kind, Kind::Chat) {
                assert!(model.context.is_some(), "{of} has no context");
                assert!(model.has(Ability::Streaming), "{of}");
                let (input, output) = (rates.of(Class::Input), rates.of(Class::Output));
                assert!(input <= output, "{of}: output is cheaper than input");
                assert!(
                    rates.of(Class::CachedInput) <= input,
                    "{of}: a cached token is dearer than a fresh one"
                );
            }
            let mut above = None;
            for tier in &tariff.standard {
                assert!(above < Some(tier.above), "{of}: tiers are out of order");
                above = Some(tier.above);
            }
            for (batch, standard) in tariff.batch.iter().zip(&tariff.standard) {
                for class in Class::ALL {
                    assert!(
                        batch.rates.of(*class) <= standard.rates.of(*class),
                        "{of}: `{}` of a batch",
                        class.name()
                    );
                }
            }
        }
    }

    #[test]
    fn names_are_found_by_id_and_alias_of_their_vendor_only() {
        let id = find("anthropic", "claude-haiku-4-5").unwrap();
        assert_eq!(find("anthropic", "claude-haiku-4-5-20251001"), Some(id));
        assert_eq!(find("openai", "claude-haiku-4-5"), None);
        assert_eq!(find("anthropic", "Claude-Haiku-4-5"), None);
        assert_eq!(find("", ""), None);
    }
}
