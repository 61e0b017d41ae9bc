//! The presets as a page.

use super::{ALL, Credential, ErrorShape, MaxTokens, Preset, RateLimits, StreamUsage};
use std::fmt::Write;

/// `docs/reference/providers.md`.
pub fn reference_markdown() -> String {
    let named = |such: fn(&&Preset) -> bool| {
        ALL.iter().filter(such).map(|preset| format!("`{}`", preset.name)).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!(
        "# Providers\n\nWhat `preset = \"…\"` of a provider may say, and which dialect these vendors speak, and how they differ from it. \
         A vendor that is not here is reached by its `base_url` alone. Where the URL has `{{…}}` it differs by account: \
         give it as `base_url`, filled in. A bound of an answer is `max_tokens` or `max_completion_tokens`; where only one is \
         named the vendor refuses the other, or overlooks it. What is refused is left out on the way there, or said by the name that the \
         vendor has for it, and the role `developer` is said as `system`: `x-portcullis-dropped` tells of it, and with `translation = \"strict\"` \
         the call is refused instead. Parameters can be changed by the provider's `query`. Members that only \
         models that think refuse are left out where a call is translated, and so is `reasoning_effort` for the vendor's others; of calls in OpenAI's own format they pass. Vendors that want back what \
         their models thought before (`reasoning_content`) get it: of callers in OpenAI's format as they sent it, of all others from the thoughts in \
         their conversation: {}. Custom tools, which take text, are said as such to {}, to all others as functions of one text.\n\n\
         The rows are in `crates/llm/src/providers/presets/rows.rs`.\n\n\
         | preset | dialect | URL | key | serves | usage in streams | refuses | bound | limits | errors | lists models |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        named(|preset| preset.thoughts_back),
        named(|preset| preset.custom_tools)
    );
    for preset in ALL {
        row(&mut text, preset);
    }
    text
}

fn row(text: &mut String, preset: &Preset) {
    let name = match preset.source {
        "" => format!("`{}`", preset.name),
        source => format!("[`{}`]({source})", preset.name),
    };
    let query: String = preset.query.iter().map(|(name, value)| format!(", `?{name}={value}`")).collect();
    let url =
        preset.base_url.or(preset.template).map_or("built in".to_owned(), |url| format!("`{url}`{query}"));
    let key = match preset.credential {
        Credential::Bearer => "`Authorization: Bearer`".to_owned(),
        Credential::Header(name) => format!("`{name}`"),
        Credential::Optional => "none needed".to_owned(),
    };
    let serves: Vec<String> = preset
        .operations
        .iter()
        .map(|operation| match preset.paths.iter().find(|(name, _)| name == operation) {
            Some((_, path)) => format!("{} at `{path}`", operation.name()),
            None => operation.name().to_owned(),
        })
        .collect();
    let usage = match preset.stream_usage {
        StreamUsage::Asked => "when asked",
        StreamUsage::Unasked => "not asked for",
        StreamUsage::Refused => "refuses the question",
    };
    let role = if preset.developer_role { "" } else { "role `developer`" };
    let refuses: Vec<String> = preset
        .refuses
        .iter()
        .map(|member| format!("`{member}`"))
        .chain(preset.renames.iter().map(|(name, new)| format!("`{name}` (says `{new}`)")))
        .chain((!role.is_empty()).then(|| role.to_owned()))
        .chain(preset.thinkers_refuse.iter().map(|member| format!("`{member}` (models that think)")))
        .collect();
    let bound = match preset.max_tokens {
        MaxTokens::Both => "both",
        MaxTokens::Old => "`max_tokens`",
        MaxTokens::New => "`max_completion_tokens`",
    };
    let limits = match preset.rate_limits {
        RateLimits::OpenAi => "`x-ratelimit-*-{requests,tokens}`".to_owned(),
        RateLimits::Prefix(prefix) => format!("`{prefix}*`"),
        RateLimits::Unknown => String::new(),
    };
    let errors = match preset.errors {
        ErrorShape::OpenAi => "`error.message`",
        ErrorShape::Message => "`message`",
        ErrorShape::Text => "`error`",
        ErrorShape::Detail => "`detail`",
    };
    let lists = if preset.lists_models { "yes" } else { "no" };
    // Infallible: writing into a String.
    let _ = writeln!(
        text,
        "| {name} | {} | {url} | {key} | {} | {usage} | {} | {bound} | {limits} | {errors} | {lists} |",
        preset.dialect.name(),
        serves.join(", "),
        refuses.join(", ")
    );
}
