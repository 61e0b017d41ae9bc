//! The rows.

use super::ErrorShape::{Detail, Message, Text};
use super::MaxTokens::{New, Old};
use super::Preset;
use super::RateLimits::{OpenAi as Ratelimit, Prefix};
use super::StreamUsage::{Refused, Unasked};
use crate::dialect::Operation;
use crate::dialect::Operation::{
    BatchCreate, CacheCreate, Chat, Completions, CountTokens, Embeddings, FileUpload, ImageEdits,
    ImageVariations, Images, Invoke, Moderations, Realtime, Rerank, Responses, Speech, Transcriptions,
    Translations,
};
use crate::dialect::anthropic::{self, Anthropic};
use crate::dialect::bedrock::Bedrock;
use crate::dialect::cohere;
use crate::dialect::gemini::Gemini;
use crate::dialect::ollama;

const C: &[Operation] = &[Chat];
const CE: &[Operation] = &[Chat, Embeddings];
const CC: &[Operation] = &[Chat, Completions];
const ALL_THREE: &[Operation] = &[Chat, Completions, Embeddings];
/// What models refuse that think, whatever its value but the usual one.
const SAMPLING: &[&str] = &[
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
];
/// All that is passed to OpenAI itself.
const OPENAI: &[Operation] = &[
    Chat,
    Responses,
    Completions,
    Embeddings,
    Images,
    ImageEdits,
    ImageVariations,
    Transcriptions,
    Translations,
    Speech,
    Moderations,
    Realtime,
    FileUpload,
    BatchCreate,
];

const fn row(
    name: &'static str,
    base_url: &'static str,
    operations: &'static [Operation],
    source: &'static str,
) -> Preset {
    Preset::row(name, Some(base_url), operations, source)
}

/// A vendor whose URL differs by account, and what it looks like.
const fn placed(
    name: &'static str,
    template: &'static str,
    operations: &'static [Operation],
    source: &'static str,
) -> Preset {
    Preset::row(name, None, operations, source).like(template)
}

/// Every preset. What a row does not say is as OpenAI has it.
#[rustfmt::skip]
pub static ALL: &[Preset] = &[
    // Ours: `providers::echo`.
    Preset::row("echo", None, ALL_THREE, "").optional(),

    // Wires of their own.
    row("anthropic", "https://api.anthropic.com/v1", &[Chat, CountTokens], "https://docs.claude.com/en/api/messages")
        .speaks(&Anthropic).key_in("x-api-key").says(&[("anthropic-version", anthropic::VERSION)]).bound(Old),
    row("gemini", "https://generativelanguage.googleapis.com/v1beta", &[Chat, Embeddings, CountTokens, CacheCreate], "https://ai.google.dev/api/generate-content")
        .speaks(&Gemini::API).key_in("x-goog-api-key"),
    placed("vertex", "https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}/publishers/google", &[Chat, Embeddings, CountTokens], "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference")
        .speaks(&Gemini::API).unlisted(), // the key is an access token, an hour long
    placed("bedrock", "https://bedrock-runtime.{region}.amazonaws.com", &[Chat, Invoke, Embeddings, CountTokens], "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html")
        .speaks(&Bedrock).errors(Message).unlisted(), // the key is a Bedrock API key
    row("cohere", "https://api.cohere.com", &[Chat, Embeddings, Rerank], "https://docs.cohere.com/reference/chat")
        .speaks(&cohere::CHAT).errors(Message).bound(Old),
    row("ollama", "http://127.0.0.1:11434", ALL_THREE, "https://docs.ollama.com/api/introduction")
        .speaks(&ollama::CHAT).errors(Text).optional(),

    // Who makes models, in OpenAI's dialect.
    row("openai", "https://api.openai.com/v1", OPENAI, "https://platform.openai.com/docs/api-reference/chat/create")
        .custom_tools().bound(New).limits(Ratelimit).thinkers_without(SAMPLING),
    placed("azure", "https://{resource}.openai.azure.com/openai/v1", ALL_THREE, "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle")
        .key_in("api-key").custom_tools().bound(New).limits(Ratelimit).thinkers_without(SAMPLING),
    placed("azure-deployments", "https://{resource}.openai.azure.com/openai", ALL_THREE, "https://learn.microsoft.com/azure/ai-foundry/openai/reference")
        .of("azure").key_in("api-key").asks(&[("api-version", "2024-10-21")]).custom_tools().bound(New).limits(Ratelimit).thinkers_without(SAMPLING).unlisted()
        .at(&[(Chat, "/deployments/{model}/chat/completions"), (Completions, "/deployments/{model}/completions"), (Embeddings, "/deployments/{model}/embeddings")]),
    row("anthropic-compat", "https://api.anthropic.com/v1", C, "https://platform.claude.com/docs/en/api/openai-sdk")
        .of("anthropic").limits(Ratelimit), // hoists `system` and `developer` to the front; overlooks what it does not know
    row("gemini-compat", "https://generativelanguage.googleapis.com/v1beta/openai", &[Chat, Embeddings, Images], "https://ai.google.dev/gemini-api/docs/openai")
        .of("gemini"),
    placed("vertex-compat", "https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}/endpoints/openapi", C, "https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai")
        .of("vertex").unlisted(), // the key is an access token, an hour long
    placed("bedrock-compat", "https://bedrock-runtime.{region}.amazonaws.com/openai/v1", C, "https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html")
        .of("bedrock").usage(Unasked).unlisted(), // the key is a Bedrock API key
    row("mistral", "https://api.mistral.ai/v1", &[Chat, Embeddings, Transcriptions, Moderations], "https://docs.mistral.ai/api/")
        .usage(Refused).without(&["logit_bias", "logprobs", "top_logprobs", "user", "store", "service_tier", "verbosity"]).renaming(&[("seed", "random_seed")]).no_developer()
        .bound(Old).limits(Prefix("x-ratelimit-")).errors(Message), // refuses every member that it does not know
    row("cohere-compat", "https://api.cohere.ai/compatibility/v1", CE, "https://docs.cohere.com/docs/compatibility-api")
        .of("cohere").usage(Refused).errors(Message).unlisted(),
    row("deepseek", "https://api.deepseek.com/v1", C, "https://api-docs.deepseek.com/api/create-chat-completion")
        .thoughts_back().no_developer().bound(Old),
    row("xai", "https://api.x.ai/v1", &[Chat, Completions, Images], "https://docs.x.ai/docs/api-reference")
        .limits(Ratelimit).thinkers_without(&["stop", "frequency_penalty", "presence_penalty"]).errors(Text),
    row("perplexity", "https://api.perplexity.ai", CE, "https://docs.perplexity.ai/api-reference/chat-completions-post")
        .usage(Unasked).at(&[(Embeddings, "/v1/embeddings")]).no_developer().bound(Old).unlisted(), // reports in every chunk
    row("ai21", "https://api.ai21.com/studio/v1", C, "https://docs.ai21.com/reference/jamba-1-6-api-ref")
        .usage(Unasked).no_developer().bound(Old).errors(Detail).unlisted(),
    row("reka", "https://api.reka.ai/v1", C, "https://docs.reka.ai/chat/openai-sdk").usage(Unasked).no_developer().bound(Old),
    row("upstage", "https://api.upstage.ai/v1", CE, "https://console.upstage.ai/api/chat").usage(Unasked).no_developer().bound(Old),
    row("writer", "https://api.writer.com/v1", C, "https://dev.writer.com/api-reference/completion-api/chat-completion").no_developer().bound(Old),
    row("inception", "https://api.inceptionlabs.ai/v1", C, "https://docs.inceptionlabs.ai/get-started/get-started").usage(Unasked).no_developer().bound(Old),
    row("meta", "https://api.meta.ai/v1", C, "https://github.com/BerriAI/litellm/blob/main/litellm/llms/openai_like/providers.json").usage(Unasked),
    row("sarvam", "https://api.sarvam.ai/v1", C, "https://docs.sarvam.ai/api-reference-docs/chat/chat-completions")
        .key_in("api-subscription-key").usage(Unasked).no_developer().bound(Old).unlisted(),
    row("voyage", "https://api.voyageai.com/v1", &[Embeddings], "https://docs.voyageai.com/reference/embeddings-api")
        .errors(Detail).unlisted(),
    row("jina", "https://api.jina.ai/v1", &[Embeddings, Rerank], "https://jina.ai/embeddings/").errors(Detail).unlisted(),

    // China.
    row("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", CE, "https://help.aliyun.com/zh/model-studio/compatibility-of-openai-with-dashscope")
        .of("dashscope-cn").no_developer().bound(Old),
    row("dashscope-intl", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", CE, "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope")
        .of("dashscope").no_developer().bound(Old),
    row("moonshot", "https://api.moonshot.cn/v1", C, "https://platform.moonshot.cn/docs/api/chat")
        .of("moonshot-cn").thoughts_back().usage(Unasked).no_developer().bound(Old), // reports within the last choice
    row("moonshot-intl", "https://api.moonshot.ai/v1", C, "https://platform.moonshot.ai/docs/api/chat")
        .of("moonshot").thoughts_back().usage(Unasked).no_developer().bound(Old),
    row("zhipu", "https://open.bigmodel.cn/api/paas/v4", CE, "https://docs.bigmodel.cn/cn/guide/develop/openai/introduction")
        .of("zhipu").thoughts_back().usage(Unasked).no_developer().bound(Old).unlisted(),
    row("zai", "https://api.z.ai/api/paas/v4", C, "https://docs.z.ai/guides/develop/openai/python")
        .thoughts_back().usage(Unasked).no_developer().bound(Old).unlisted(),
    row("minimax", "https://api.minimax.io/v1", C, "https://platform.minimax.io/docs/api-reference/text-openai-api")
        .usage(Unasked).no_developer().bound(New),
    row("minimax-cn", "https://api.minimaxi.com/v1", C, "https://platform.minimaxi.com/docs/api-reference/text-openai-api")
        .usage(Unasked).no_developer().bound(New),
    row("siliconflow", "https://api.siliconflow.cn/v1", &[Chat, Embeddings, Rerank, Transcriptions, Speech], "https://docs.siliconflow.cn/cn/api-reference/chat-completions/chat-completions")
        .of("siliconflow-cn").usage(Unasked).no_developer().bound(Old).errors(Message),
    row("siliconflow-intl", "https://api.siliconflow.com/v1", &[Chat, Embeddings, Rerank, Transcriptions, Speech], "https://docs.siliconflow.com/en/api-reference/chat-completions/chat-completions")
        .of("siliconflow").usage(Unasked).no_developer().bound(Old).errors(Message),
    row("volcengine", "https://ark.cn-beijing.volces.com/api/v3", CE, "https://www.volcengine.com/docs/82379/1330626")
        .no_developer().unlisted(),
    row("qianfan", "https://qianfan.baidubce.com/v2", CE, "https://cloud.baidu.com/doc/qianfan/s/Hmh4suq26").usage(Unasked).no_developer(),
    row("hunyuan", "https://api.hunyuan.cloud.tencent.com/v1", CE, "https://cloud.tencent.com/document/product/1729/111007").usage(Unasked).no_developer().bound(Old),
    row("stepfun", "https://api.stepfun.com/v1", C, "https://platform.stepfun.com/docs/zh/guides/developer/openai").of("stepfun-cn").usage(Unasked).no_developer().bound(Old),
    row("stepfun-intl", "https://api.stepfun.ai/v1", C, "https://platform.stepfun.ai/docs/en/guides/developer/openai").of("stepfun").usage(Unasked).no_developer().bound(Old),
    row("modelscope", "https://api-inference.modelscope.cn/v1", C, "https://modelscope.cn/docs/model-service/API-Inference/intro").usage(Unasked).no_developer().bound(Old),
    row("xiaomi", "https://api.xiaomimimo.com/v1", C, "https://platform.xiaomimimo.com/#/docs/api/chat/openai-api").usage(Unasked),

    // Who runs models of others.
    row("groq", "https://api.groq.com/openai/v1", &[Chat, Transcriptions, Translations, Speech, FileUpload, BatchCreate], "https://console.groq.com/docs/openai")
        .without(&["logprobs", "logit_bias", "top_logprobs"]).limits(Ratelimit), // and `n` above 1, and names in messages
    row("cerebras", "https://api.cerebras.ai/v1", CC, "https://inference-docs.cerebras.ai/resources/openai")
        .usage(Unasked).without(&["frequency_penalty", "logit_bias", "presence_penalty"]).no_developer()
        .limits(Prefix("x-ratelimit-")).errors(Message), // reports on its own
    row("together", "https://api.together.xyz/v1", &[Chat, Completions, Embeddings, Rerank, Images, Speech, Transcriptions, Translations], "https://docs.together.ai/docs/openai-api-compatibility")
        .usage(Unasked).no_developer().bound(Old).limits(Prefix("x-ratelimit-")),
    row("fireworks", "https://api.fireworks.ai/inference/v1", ALL_THREE, "https://docs.fireworks.ai/tools-sdks/openai-compatibility")
        .usage(Unasked).no_developer().limits(Prefix("x-ratelimit-")), // reports in the last chunk with a choice
    row("nvidia", "https://integrate.api.nvidia.com/v1", CE, "https://docs.api.nvidia.com/nim/reference/llm-apis").usage(Unasked).no_developer().bound(Old).errors(Detail),
    row("deepinfra", "https://api.deepinfra.com/v1/openai", &[Chat, Completions, Embeddings, Images], "https://deepinfra.com/docs/openai_api").no_developer().bound(Old).errors(Detail),
    row("sambanova", "https://api.sambanova.ai/v1", CE, "https://docs.sambanova.ai/docs/en/features/openai-compatibility").usage(Unasked).no_developer(),
    row("huggingface", "https://router.huggingface.co/v1", C, "https://huggingface.co/docs/inference-providers/tasks/chat-completion").usage(Unasked).no_developer().bound(Old).errors(Text),
    row("novita", "https://api.novita.ai/v3/openai", ALL_THREE, "https://novita.ai/docs/guides/llm-api").no_developer().bound(Old).errors(Message),
    row("hyperbolic", "https://api.hyperbolic.xyz/v1", CC, "https://docs.hyperbolic.xyz/docs/rest-api").usage(Unasked).no_developer().bound(Old),
    row("nebius", "https://api.tokenfactory.nebius.com/v1", &[Chat, Completions, Embeddings, Images], "https://docs.tokenfactory.nebius.com/api-reference/introduction").no_developer().errors(Detail),
    row("friendli", "https://api.friendli.ai/serverless/v1", CC, "https://friendli.ai/docs/guides/openai-compatibility").no_developer(),
    row("baseten", "https://inference.baseten.co/v1", C, "https://docs.baseten.co/development/model-apis/overview").no_developer(),
    row("featherless", "https://api.featherless.ai/v1", CC, "https://featherless.ai/docs/overview").usage(Unasked).no_developer().bound(Old),
    row("nscale", "https://inference.api.nscale.com/v1", C, "https://docs.nscale.com/docs/ai-services/inference").usage(Unasked).no_developer().bound(Old),
    row("scaleway", "https://api.scaleway.ai/v1", &[Chat, Embeddings, Transcriptions], "https://www.scaleway.com/en/docs/generative-apis/api-cli/using-chat-api/").no_developer().errors(Message),
    row("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", CE, "https://help.ovhcloud.com/csm/en-public-cloud-ai-endpoints-getting-started").no_developer().bound(Old),
    row("chutes", "https://llm.chutes.ai/v1", CC, "https://chutes.ai/docs").usage(Unasked).no_developer().bound(Old).errors(Detail),
    row("parasail", "https://api.parasail.io/v1", CC, "https://docs.parasail.io/").usage(Unasked).no_developer(),
    row("wandb", "https://api.inference.wandb.ai/v1", C, "https://docs.wandb.ai/inference/api-reference").usage(Unasked).no_developer(),
    row("gmi", "https://api.gmi-serving.com/v1", C, "https://docs.gmicloud.ai/inference-engine/api-reference/llm-api-reference").usage(Unasked).no_developer(),
    row("crusoe", "https://api.inference.crusoecloud.com/v1", C, "https://docs.crusoecloud.com/managed-inference/overview").usage(Unasked).no_developer().bound(Old),
    row("venice", "https://api.venice.ai/api/v1", CE, "https://docs.venice.ai/api-reference/endpoint/chat/completions").no_developer().errors(Text),
    placed("cloudflare", "https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1", CE, "https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/").usage(Unasked).no_developer().bound(Old).unlisted(),
    placed("databricks", "https://{workspace}/serving-endpoints", ALL_THREE, "https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference")
        .usage(Refused).no_developer().bound(Old).errors(Message).unlisted(), // what it passes on to Bedrock refuses the question
    placed("snowflake", "https://{account}.snowflakecomputing.com/api/v2/cortex/v1", C, "https://docs.snowflake.com/en/user-guide/snowflake-cortex/open_ai_sdk").usage(Unasked).bound(New).errors(Message).unlisted(),
    row("github", "https://models.github.ai/inference", CE, "https://docs.github.com/en/rest/models/inference").usage(Unasked).limits(Ratelimit).unlisted(),

    // Who passes calls on.
    row("openrouter", "https://openrouter.ai/api/v1", CC, "https://openrouter.ai/docs/api-reference/chat-completion").limits(Prefix("x-ratelimit-")), // reports whether asked or not
    row("vercel", "https://ai-gateway.vercel.sh/v1", CE, "https://vercel.com/docs/ai-gateway/openai-compat"),
    row("aihubmix", "https://aihubmix.com/v1", CE, "https://docs.aihubmix.com/en/api/Aihubmix-Integration").usage(Unasked),
    row("poe", "https://api.poe.com/v1", C, "https://creator.poe.com/docs/external-applications/openai-compatible-api").usage(Unasked).bound(Old),

    // On the operator's own machines.
    row("ollama-compat", "http://127.0.0.1:11434/v1", ALL_THREE, "https://docs.ollama.com/api/openai-compatibility").of("ollama").optional().bound(Old),
    row("vllm", "http://127.0.0.1:8000/v1", &[Chat, Completions, Embeddings, Rerank, Transcriptions, Translations], "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html").optional(),
    row("sglang", "http://127.0.0.1:30000/v1", ALL_THREE, "https://docs.sglang.ai/basic_usage/openai_api_completions.html").optional().no_developer(),
    row("llama-cpp", "http://127.0.0.1:8080/v1", &[Chat, Completions, Embeddings, Rerank], "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md").optional(),
    row("lmstudio", "http://127.0.0.1:1234/v1", ALL_THREE, "https://lmstudio.ai/docs/developer/openai-compat").optional().usage(Unasked),
    row("tgi", "http://127.0.0.1:8080/v1", CC, "https://huggingface.co/docs/text-generation-inference/messages_api").optional().no_developer().bound(Old).errors(Text).unlisted(),
    row("localai", "http://127.0.0.1:8080/v1", &[Chat, Completions, Embeddings, Rerank, Images, Transcriptions, Speech], "https://localai.io/features/text-generation/").optional().usage(Unasked),
    row("llamafile", "http://127.0.0.1:8080/v1", ALL_THREE, "https://github.com/mozilla-ai/llamafile").optional().no_developer().bound(Old),
];
