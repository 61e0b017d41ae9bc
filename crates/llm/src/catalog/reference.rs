//! The catalogue as a page.

use super::price::shown;
use super::{Catalog, Class, Model, Rates};
use std::fmt::Write;

/// `docs/reference/models.md`.
pub fn reference_markdown() -> String {
    let catalog = Catalog::built_in();
    let mut text = format!(
        "# Models\n\nThe {} models that are known without being told, by vendor. A model that is not here can be used all the same; \
         it has no price then. Prices are in units of currency for a million: of tokens, or of what the column names. An \
         empty cell of a limit is a figure that the vendor does not publish.\n\n\
         The data is in `crates/llm/src/catalog/data`, the form of the files in `crates/llm/src/catalog/load.rs`.\n",
        catalog.models().len()
    );
    let mut vendors: Vec<&str> = Vec::new();
    for model in catalog.models() {
        if !vendors.contains(&model.vendor.as_str()) {
            vendors.push(&model.vendor);
        }
    }
    for vendor in vendors {
        // Infallible, here and below: writing into a String.
        let _ = write!(
            text,
            "\n## {vendor}\n\n| model | kind | takes → gives | context | output | abilities | price | checked |\n|---|---|---|---|---|---|---|---|\n"
        );
        for model in catalog.models().filter(|model| model.vendor == vendor) {
            row(&mut text, model);
        }
    }
    text
}

fn row(text: &mut String, model: &Model) {
    let names: Vec<String> = model.names().map(|name| format!("`{name}`")).collect();
    let limit = |limit: Option<u64>| limit.map_or(String::new(), grouped);
    let takes: Vec<&str> = model.takes.iter().map(|way| way.name()).collect();
    let gives: Vec<&str> = model.gives.iter().map(|way| way.name()).collect();
    let gives = match model.dimensions {
        Some(dimensions) => format!("{dimensions} dimensions"),
        None => gives.join(" "),
    };
    let abilities: Vec<&str> = model.abilities.iter().map(|ability| ability.name()).collect();
    let alone = model.api.map_or(String::new(), |api| format!("<br>`{}` only", api.as_str()));
    let retires = model.retires.as_ref().map_or(String::new(), |day| format!("<br>until {day}"));
    let _ = writeln!(
        text,
        "| {}{alone}{retires} | {} | {} → {gives} | {} | {} | {} | {} | [{}]({}) |",
        names.join("<br>"),
        model.kind.name(),
        takes.join(" "),
        limit(model.context),
        limit(model.output),
        abilities.join(" "),
        price(model),
        model.checked,
        model.source,
    );
}

fn price(model: &Model) -> String {
    let Some(tariff) = &model.tariff else { return String::new() };
    let mut lines = Vec::new();
    for (name, tiers) in [("", &tariff.standard), ("batch ", &tariff.batch)] {
        for tier in tiers {
            let above = match tier.above {
                0 => String::new(),
                above => format!("above {}: ", grouped(above)),
            };
            lines.push(format!("{name}{above}{}", rates(&tier.rates)));
        }
    }
    if tariff.currency != "USD" {
        lines.push(tariff.currency.clone());
    }
    lines.join("<br>")
}

fn rates(rates: &Rates) -> String {
    let named = |class: &Class| rates.named(*class).map(|rate| format!("{} {}", class.name(), shown(rate)));
    Class::ALL.iter().filter_map(named).collect::<Vec<_>>().join(", ")
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_048_576, "1,048,576")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn every_model_has_a_row() {
        let page = reference_markdown();
        for model in Catalog::built_in().models() {
            assert!(page.contains(&format!("| `{}`", model.id)), "{}/{}", model.vendor, model.id);
        }
    }
}
