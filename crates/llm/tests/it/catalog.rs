//! The built-in catalogue against prices as the vendors publish them, worked out by hand.

use portcullis_llm::catalog::{Ability, Amounts, Catalog, Class, Kind, find};
use portcullis_llm::providers::presets;
use portcullis_model::Usage;

/// A million of each, in thousandths of a US dollar: input, cached input, output.
const PUBLISHED: &[(&str, &str, [i128; 3])] = &[
    ("openai", "gpt-4o", [2_500, 1_250, 10_000]),
    ("openai", "gpt-4.1", [2_000, 500, 8_000]),
    ("openai", "gpt-4.1-mini", [400, 100, 1_600]),
    ("openai", "gpt-5", [1_250, 125, 10_000]),
    ("openai", "gpt-5-mini", [250, 25, 2_000]),
    ("openai", "gpt-5-nano", [50, 5, 400]),
    ("anthropic", "claude-sonnet-4-6", [3_000, 300, 15_000]),
    ("anthropic", "claude-haiku-4-5", [1_000, 100, 5_000]),
    ("anthropic", "claude-opus-4-5", [5_000, 500, 25_000]),
    ("gemini", "gemini-2.5-flash", [300, 30, 2_500]),
    ("gemini", "gemini-2.5-flash-lite", [100, 10, 400]),
    ("cohere", "command-a-03-2025", [2_500, 2_500, 10_000]),
    ("perplexity", "sonar", [1_000, 1_000, 1_000]),
    ("perplexity", "sonar-pro", [3_000, 3_000, 15_000]),
    ("bedrock", "amazon.nova-pro-v1:0", [800, 200, 3_200]),
];

#[test]
fn golden_prices() {
    let million = Usage { input_tokens: 1_000_000, output_tokens: 1_000_000, ..Usage::default() };
    for (vendor, id, [input, cached, output]) in PUBLISHED {
        let model = find(vendor, id).unwrap_or_else(|| panic!("{vendor}/{id}"));
        // Below every tier's bound, so that a million is priced as vendors' pages say it.
        let rates = model.tariff.as_ref().unwrap().rates(0, false);
        let cost = |used: Amounts| rates.cost(&used.with(Class::Request, 0)).unwrap().nanos();
        assert_eq!(cost(Amounts::from(&million)), (input + output) * 1_000_000, "{vendor}/{id}");
        let all_cached = Usage { cached_input_tokens: 1_000_000, ..million };
        assert_eq!(cost(Amounts::from(&all_cached)), (cached + output) * 1_000_000, "{vendor}/{id}");
    }
}

#[test]
fn golden_calls() {
    let cost =
        |vendor, id, batch, used: &Amounts| find(vendor, id).unwrap().cost(used, batch).unwrap().nanos();

    // Half of a prompt from the cache: 500 × $2.50 + 500 × $1.25 + 100 × $10, for a million.
    let usage =
        Usage { input_tokens: 1_000, cached_input_tokens: 500, output_tokens: 100, ..Usage::default() };
    assert_eq!(cost("openai", "gpt-4o", false, &Amounts::from(&usage)), 2_875_000);
    assert_eq!(
        cost("openai", "gpt-4o", true, &Amounts::from(&Usage { cached_input_tokens: 0, ..usage })),
        1_750_000
    );

    // Writing to the cache costs a quarter more for five minutes and twice as much for an hour.
    let wrote = |class| Amounts::default().with(class, 1_000_000);
    assert_eq!(cost("anthropic", "claude-haiku-4-5", false, &wrote(Class::CacheWrite)), 1_250_000_000);
    assert_eq!(cost("anthropic", "claude-haiku-4-5", false, &wrote(Class::CacheWriteHour)), 2_000_000_000);
    assert_eq!(cost("anthropic", "claude-haiku-4-5", true, &wrote(Class::CacheWriteHour)), 1_000_000_000);

    // Above 200,000 tokens of prompt the whole call costs $2.50 and $15 instead of $1.25 and $10.
    let prompt = |input| Amounts::default().with(Class::Input, input).with(Class::Output, 1_000);
    assert_eq!(cost("gemini", "gemini-2.5-pro", false, &prompt(200_000)), 260_000_000);
    assert_eq!(cost("gemini", "gemini-2.5-pro", false, &prompt(200_001)), 515_002_500);

    // Sound has its own price: $1 for a million.
    let heard = Amounts::default().with(Class::AudioInput, 1_000);
    assert_eq!(cost("gemini", "gemini-2.5-flash", false, &heard), 1_000_000);

    // Each call searches, which costs $5 for a thousand beside the tokens.
    let usage = Usage { input_tokens: 1_000, output_tokens: 1_000, ..Usage::default() };
    assert_eq!(cost("perplexity", "sonar", false, &Amounts::from(&usage)), 5_000_000 + 2_000_000);

    // What is not counted in tokens: $2 for a thousand searches, $0.006 a minute.
    assert_eq!(cost("cohere", "rerank-v3.5", false, &Amounts::default().with(Class::Request, 1)), 2_000_000);
    assert_eq!(cost("openai", "whisper-1", false, &Amounts::default().with(Class::Second, 60)), 6_000_000);
    assert_eq!(
        cost("openai", "text-embedding-3-small", false, &Amounts::default().with(Class::Input, 1)),
        20
    );
}

#[test]
fn facts_that_routing_leans_on() {
    let model = find("anthropic", "claude-haiku-4-5").unwrap();
    assert_eq!((model.kind, model.context, model.output), (Kind::Chat, Some(200_000), Some(64_000)));
    assert!(
        model.sees()
            && model.has(Ability::Tools)
            && model.has(Ability::Caching)
            && model.has(Ability::Streaming)
    );
    assert_eq!(find("openai", "text-embedding-3-large").unwrap().kind, Kind::Embedding);
    assert!(find("openai", "gpt-17").is_none());
}

#[test]
fn every_vendor_of_the_catalogue_can_be_reached() {
    for model in Catalog::built_in().models() {
        let native = ["anthropic", "gemini", "bedrock", "cohere", "voyage"].contains(&model.vendor.as_str());
        assert!(
            native || presets::ALL.iter().any(|preset| preset.vendor == model.vendor),
            "no preset is of vendor `{}`",
            model.vendor
        );
    }
}
