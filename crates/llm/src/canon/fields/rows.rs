//! The table: each field, what becomes of it where it cannot be said, how it is found and taken out.
//!
//! The order counts where one row's way out is another row's field: tools among others before what is required, media of
//! results before media.

use super::take::{
    among, any_media, any_part, any_text, any_thinking, any_tool, each_part, each_tool, effort_of,
    hoist_media, hoist_system, in_the_middle, is_media, media, results, without_media,
};
use super::*;
use crate::canon::part::{MediaKind, Origin, Part};
use crate::canon::request::{Format, Role, Tool, ToolChoice};
use Rule::{Drop, Refuse};

/// Members of one dialect without which the answer would mean something else: they name what is kept at the provider, run
/// something there, or guard the answer. (Dialect, name.)
pub const REFUSED_NATIVES: &[(&str, &str)] = &[
    ("openai", "web_search_options"),
    ("responses", "previous_response_id"),
    ("responses", "conversation"),
    ("responses", "prompt"),
    ("responses", "background"),
    ("responses", "item_reference"),
    ("anthropic", "container"),
    ("anthropic", "mcp_servers"),
    ("gemini", "cachedContent"),
    ("bedrock", "guardrailConfig"),
    ("bedrock", "promptVariables"),
    ("cohere", "documents"),
    ("cohere", "citation_options"),
    ("cohere", "safety_mode"),
    ("ollama", "context"),
    ("ollama", "raw"),
    ("ollama", "suffix"),
    ("ollama", "template"),
];

/// Members of one dialect that say how something was said, not what: nothing is lost with them. (Dialect, name.)
pub(super) const MANNERS: &[(&str, &str)] =
    &[("ollama", "generate"), ("ollama", "keep_alive"), ("openai", "legacy_functions")];

/// Members of one dialect that another has under the same name, where no vendor of that other one is known to refuse them.
/// (From, to, name.)
pub(super) const SAME: &[(&str, &str, &str)] =
    &[("openai", "responses", "prompt_cache_key"), ("openai", "responses", "prompt_cache_retention")];

/// Every field.
pub static ROWS: &[Row] = &[
    Row {
        field: SYSTEM,
        rule: Refuse,
        then: "",
        used: |request| request.messages.iter().any(|message| message.role == Role::System),
        remove: |request| request.messages.retain(|message| message.role != Role::System),
    },
    Row {
        field: DEVELOPER,
        rule: Drop,
        then: "said as system",
        used: |request| request.messages.iter().any(|message| message.role == Role::Developer),
        remove: |request| {
            for message in request.messages.iter_mut().filter(|message| message.role == Role::Developer) {
                message.role = Role::System;
            }
        },
    },
    Row {
        field: SYSTEM_IN_THE_MIDDLE,
        rule: Drop,
        then: "moved to the front, in order",
        used: in_the_middle,
        remove: hoist_system,
    },
    Row {
        field: NAME,
        rule: Drop,
        then: "",
        used: |request| request.messages.iter().any(|message| message.name.is_some()),
        remove: |request| request.messages.iter_mut().for_each(|message| message.name = None),
    },
    // Before the rows of media: what it moves must be said there.
    Row {
        field: TOOL_RESULT_MEDIA,
        rule: Drop,
        then: "moved behind the results, into the same message",
        used: |request| results(request).any(|result| result.content.iter().any(is_media)),
        remove: hoist_media,
    },
    Row {
        field: IMAGE,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| media.kind == MediaKind::Image),
        remove: |request| without_media(request, |media| media.kind == MediaKind::Image),
    },
    Row {
        field: IMAGE_URL,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| is(media, MediaKind::Image, Where::Url)),
        remove: |request| without_media(request, |media| is(media, MediaKind::Image, Where::Url)),
    },
    Row {
        field: IMAGE_FILE,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| is(media, MediaKind::Image, Where::File)),
        remove: |request| without_media(request, |media| is(media, MediaKind::Image, Where::File)),
    },
    Row {
        field: AUDIO,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| media.kind == MediaKind::Audio),
        remove: |request| without_media(request, |media| media.kind == MediaKind::Audio),
    },
    Row {
        field: VIDEO,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| media.kind == MediaKind::Video),
        remove: |request| without_media(request, |media| media.kind == MediaKind::Video),
    },
    // Before the row of documents: what they turn into is said there, or is text.
    Row {
        field: SEARCH_RESULT,
        rule: Drop,
        then: "said as text",
        used: |request| any_media(request, |media| media.source.is_some()),
        remove: |request| take::as_text(request, |media| media.source.is_some()),
    },
    Row {
        field: DOCUMENT_BLOCKS,
        rule: Drop,
        then: "said as one text",
        used: |request| any_media(request, |media| matches!(media.origin, Origin::Blocks(_))),
        remove: |request| {
            each_part(request, |part| {
                if let Some(media) = media(part)
                    && let Origin::Blocks(blocks) = &media.origin
                {
                    media.origin = Origin::Text(blocks.join("\n\n"));
                }
            });
        },
    },
    Row {
        field: DOCUMENT_TEXT,
        rule: Drop,
        then: "said as text of the message",
        used: |request| any_media(request, |media| matches!(media.origin, Origin::Text(_))),
        remove: |request| take::as_text(request, |media| matches!(media.origin, Origin::Text(_))),
    },
    Row {
        field: DOCUMENT_CONTEXT,
        rule: Drop,
        then: "",
        used: |request| any_media(request, |media| media.context.is_some()),
        remove: |request| {
            each_part(request, |part| {
                if let Some(media) = media(part) {
                    media.context = None;
                }
            });
        },
    },
    Row {
        field: DOCUMENT,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| media.kind == MediaKind::Document),
        remove: |request| without_media(request, |media| media.kind == MediaKind::Document),
    },
    Row {
        field: DOCUMENT_URL,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| is(media, MediaKind::Document, Where::Url)),
        remove: |request| without_media(request, |media| is(media, MediaKind::Document, Where::Url)),
    },
    Row {
        field: DOCUMENT_FILE,
        rule: Refuse,
        then: "",
        used: |request| any_media(request, |media| is(media, MediaKind::Document, Where::File)),
        remove: |request| without_media(request, |media| is(media, MediaKind::Document, Where::File)),
    },
    Row {
        field: DETAIL,
        rule: Drop,
        then: "",
        used: |request| any_media(request, |media| media.detail.is_some()),
        remove: |request| {
            each_part(request, |part| {
                if let Some(media) = media(part) {
                    media.detail = None;
                }
            });
        },
    },
    Row {
        field: TOOLS,
        rule: Refuse,
        then: "",
        used: |request| {
            !request.tools.is_empty()
                || any_part(request, |part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_)))
        },
        remove: |request| {
            request.tools.clear();
            request.tool_choice = None;
            for message in &mut request.messages {
                message.parts.retain(|part| !matches!(part, Part::ToolCall(_) | Part::ToolResult(_)));
            }
        },
    },
    Row {
        field: SERVER_TOOLS,
        rule: Refuse,
        then: "",
        used: |request| request.tools.iter().any(|tool| matches!(tool, Tool::Server { .. })),
        remove: |request| request.tools.retain(|tool| !matches!(tool, Tool::Server { .. })),
    },
    Row {
        field: TOOL_DESCRIPTION,
        rule: Drop,
        then: "",
        used: |request| {
            any_tool(request, |tool| {
                matches!(
                    tool,
                    Tool::Function { description: Some(_), .. } | Tool::Custom { description: Some(_), .. }
                )
            })
        },
        remove: |request| {
            each_tool(request, |tool| {
                if let Tool::Function { description, .. } | Tool::Custom { description, .. } = tool {
                    *description = None;
                }
            });
        },
    },
    Row {
        field: TOOL_GRAMMAR,
        rule: Drop,
        then: "the tool takes any text",
        used: |request| any_tool(request, |tool| matches!(tool, Tool::Custom { grammar: Some(_), .. })),
        remove: |request| {
            each_tool(request, |tool| {
                if let Tool::Custom { grammar, .. } = tool {
                    *grammar = None;
                }
            });
        },
    },
    Row {
        field: TOOL_STRICT,
        rule: Drop,
        then: "arguments may differ from the schema",
        // `false` is what a dialect without the word does anyway.
        used: |request| any_tool(request, |tool| matches!(tool, Tool::Function { strict: Some(true), .. })),
        remove: |request| {
            each_tool(request, |tool| {
                if let Tool::Function { strict, .. } = tool {
                    *strict = None;
                }
            });
        },
    },
    // Before the rows of what it turns into.
    Row {
        field: TOOL_CHOICE_AMONG,
        rule: Drop,
        then: "the other tools are left out",
        used: |request| matches!(request.tool_choice, Some(ToolChoice::Among(..))),
        remove: among,
    },
    // Before the one below, which it becomes.
    Row {
        field: TOOL_CHOICE_NAMED,
        rule: Drop,
        then: "the other tools are left out, and one must be called (refused where that cannot be said)",
        used: |request| matches!(request.tool_choice, Some(ToolChoice::Named(_))),
        remove: |request| {
            if let Some(ToolChoice::Named(name)) = request.tool_choice.take() {
                request.tool_choice = Some(ToolChoice::Among(vec![name], true));
                among(request);
            }
        },
    },
    Row {
        field: TOOL_CHOICE_REQUIRED,
        rule: Refuse,
        then: "",
        used: |request| request.tool_choice == Some(ToolChoice::Required),
        remove: |request| request.tool_choice = None,
    },
    Row {
        field: TOOL_CHOICE_NONE,
        rule: Drop,
        then: "the tools are left out",
        used: |request| request.tool_choice == Some(ToolChoice::None) && !request.tools.is_empty(),
        remove: |request| {
            request.tools.clear();
            request.tool_choice = None;
        },
    },
    Row {
        field: PARALLEL_TOOLS,
        rule: Drop,
        then: "there may be several calls at once",
        // `true` is what every dialect does unasked.
        used: |request| request.parallel_tools == Some(false),
        remove: |request| request.parallel_tools = None,
    },
    Row {
        field: TOOL_RESULT_FAILED,
        rule: Drop,
        then: "what the tool said has to tell",
        used: |request| results(request).any(|result| result.failed),
        remove: |request| {
            each_part(request, |part| {
                let Part::ToolResult(result) = part else { return };
                if std::mem::take(&mut result.failed) && result.content.is_empty() {
                    result.content.push(Part::text("the tool failed"));
                }
            });
        },
    },
    Row {
        field: THINKING,
        rule: Drop,
        then: "",
        used: |request| any_part(request, |part| matches!(part, Part::Thinking(_))),
        remove: |request| {
            for message in &mut request.messages {
                message.parts.retain(|part| !matches!(part, Part::Thinking(_)));
            }
            request.messages.retain(|message| !message.parts.is_empty());
        },
    },
    Row {
        field: THINKING_SIGNATURE,
        rule: Drop,
        then: "",
        used: |request| any_thinking(request, |_| true),
        remove: |request| {
            take::signatures(request, |_| false);
        },
    },
    Row {
        field: PREFILL,
        rule: Refuse,
        then: "",
        used: |request| {
            request.messages.last().is_some_and(|message| {
                message.role == Role::Assistant
                    && !message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)))
            })
        },
        remove: |request| {
            request.messages.pop();
        },
    },
    Row {
        field: JSON,
        rule: Drop,
        then: "the prompt has to ask for it, as OpenAI demands of it anyway",
        used: |request| request.format == Some(Format::Json),
        remove: |request| request.format = None,
    },
    Row {
        field: JSON_SCHEMA,
        rule: Refuse,
        then: "",
        used: |request| matches!(request.format, Some(Format::Schema { .. })),
        remove: |request| request.format = None,
    },
    Row {
        field: SCHEMA_STRICT,
        rule: Drop,
        then: "",
        used: |request| matches!(request.format, Some(Format::Schema { strict: Some(true), .. })),
        remove: |request| {
            if let Some(Format::Schema { strict, .. }) = &mut request.format {
                *strict = None;
            }
        },
    },
    Row {
        field: TEMPERATURE,
        rule: Drop,
        then: "",
        used: |request| request.sampling.temperature.is_some(),
        remove: |request| request.sampling.temperature = None,
    },
    Row {
        field: TOP_P,
        rule: Drop,
        then: "",
        used: |request| request.sampling.top_p.is_some(),
        remove: |request| request.sampling.top_p = None,
    },
    Row {
        field: TOP_K,
        rule: Drop,
        then: "",
        used: |request| request.sampling.top_k.is_some(),
        remove: |request| request.sampling.top_k = None,
    },
    Row {
        field: MIN_P,
        rule: Drop,
        then: "",
        used: |request| request.sampling.min_p.is_some(),
        remove: |request| request.sampling.min_p = None,
    },
    Row {
        field: FREQUENCY_PENALTY,
        rule: Drop,
        then: "",
        used: |request| request.sampling.frequency_penalty.is_some(),
        remove: |request| request.sampling.frequency_penalty = None,
    },
    Row {
        field: PRESENCE_PENALTY,
        rule: Drop,
        then: "",
        used: |request| request.sampling.presence_penalty.is_some(),
        remove: |request| request.sampling.presence_penalty = None,
    },
    Row {
        field: SEED,
        rule: Drop,
        then: "",
        used: |request| request.sampling.seed.is_some(),
        remove: |request| request.sampling.seed = None,
    },
    Row {
        field: LOGIT_BIAS,
        rule: Drop,
        then: "",
        used: |request| !request.sampling.logit_bias.is_empty(),
        remove: |request| request.sampling.logit_bias.clear(),
    },
    Row {
        field: LOGPROBS,
        rule: Drop,
        then: "the answer has none",
        used: |request| request.sampling.logprobs == Some(true),
        remove: |request| {
            request.sampling.logprobs = None;
            request.sampling.top_logprobs = None;
        },
    },
    Row {
        field: TOP_LOGPROBS,
        rule: Drop,
        then: "the answer has none",
        used: |request| request.sampling.top_logprobs.is_some_and(|count| count > 0),
        remove: |request| request.sampling.top_logprobs = None,
    },
    Row {
        field: MAX_TOKENS,
        rule: Refuse,
        then: "",
        used: |request| request.max_tokens.is_some(),
        remove: |request| request.max_tokens = None,
    },
    Row {
        field: STOP,
        rule: Refuse,
        then: "",
        used: |request| !request.stop.is_empty(),
        remove: |request| request.stop.clear(),
    },
    Row {
        field: N,
        rule: Refuse,
        then: "",
        used: |request| request.n.is_some_and(|n| n > 1),
        remove: |request| request.n = None,
    },
    Row {
        field: REASONING_BUDGET,
        rule: Drop,
        then: "said in steps where that can be said",
        used: |request| request.reasoning.as_ref().is_some_and(|reasoning| reasoning.budget.is_some()),
        remove: effort_of,
    },
    Row {
        field: REASONING_EFFORT,
        rule: Drop,
        then: "",
        used: |request| request.reasoning.as_ref().is_some_and(|reasoning| reasoning.effort.is_some()),
        remove: |request| {
            if let Some(reasoning) = &mut request.reasoning {
                reasoning.effort = None;
            }
        },
    },
    Row {
        field: REASONING_SUMMARY,
        rule: Drop,
        then: "",
        used: |request| request.reasoning.as_ref().is_some_and(|reasoning| reasoning.summary.is_some()),
        remove: |request| {
            if let Some(reasoning) = &mut request.reasoning {
                reasoning.summary = None;
            }
        },
    },
    Row {
        field: VERBOSITY,
        rule: Drop,
        then: "",
        used: |request| request.verbosity.is_some(),
        remove: |request| request.verbosity = None,
    },
    Row {
        field: SAFETY,
        rule: Drop,
        then: "the provider's own filters stay as they are",
        used: |request| !request.safety.is_empty(),
        remove: |request| request.safety.clear(),
    },
    Row {
        field: USER,
        rule: Drop,
        then: "",
        used: |request| request.user.is_some(),
        remove: |request| request.user = None,
    },
    Row {
        field: METADATA,
        rule: Drop,
        then: "",
        used: |request| !request.metadata.is_empty(),
        remove: |request| request.metadata.clear(),
    },
    Row {
        field: SERVICE_TIER,
        rule: Drop,
        then: "",
        used: |request| request.service_tier.is_some(),
        remove: |request| request.service_tier = None,
    },
    Row {
        field: STORE,
        rule: Drop,
        then: "",
        // A dialect without the word keeps nothing: `false` is said by saying nothing.
        used: |request| request.store == Some(true),
        remove: |request| request.store = None,
    },
    Row {
        field: MODALITIES,
        rule: Refuse,
        then: "",
        used: |request| request.modalities.iter().any(|modality| modality != "text"),
        remove: |request| request.modalities.clear(),
    },
    Row {
        field: CACHE,
        rule: Drop,
        then: "the provider caches as it does by itself",
        used: take::any_cache,
        remove: take::caches,
    },
    Row {
        field: CACHE_AUTOMATIC,
        rule: Drop,
        then: "the provider caches as it does by itself",
        used: |request| request.cache.is_some(),
        remove: |request| request.cache = None,
    },
    Row {
        field: CITATIONS,
        rule: Drop,
        then: "",
        // Not to cite is what a dialect without the word does anyway.
        used: |request| {
            any_text(request, |text| !text.citations.is_empty())
                || any_media(request, |media| media.cite == Some(true))
        },
        remove: |request| {
            each_part(request, |part| match part {
                Part::Text(text) => text.citations.clear(),
                Part::Media(media) => media.cite = None,
                _ => {}
            });
        },
    },
    // Taken out before the table is gone through, by name: here for what a target of the same dialect cannot be told.
    Row {
        field: NATIVE,
        rule: Drop,
        then: "told by name; some are refused",
        used: |request| {
            !request.native.is_empty() || any_part(request, |part| matches!(part, Part::Native { .. }))
        },
        remove: |request| {
            request.native.clear();
            for message in &mut request.messages {
                message.parts.retain(|part| !matches!(part, Part::Native { .. }));
            }
        },
    },
];

/// Where bytes are that are not here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Url,
    File,
}

fn is(media: &crate::canon::part::Media, kind: MediaKind, place: Where) -> bool {
    media.kind == kind
        && match media.origin {
            Origin::Url(_) => place == Where::Url,
            Origin::File(_) => place == Where::File,
            Origin::Data(_) | Origin::Text(_) | Origin::Blocks(_) => false,
        }
}
