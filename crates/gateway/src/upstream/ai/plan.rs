//! How a deployment would serve a call: as it is, or translated.

use super::route::{Class, Reason, Target};
use super::{AiCall, Deployment};
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::chat::ReadStream;
use portcullis_llm::dialect::{Chat, Dialect, Exchange, Outbound, Served};
use portcullis_model::Timestamp;

/// How a deployment serves a call.
pub(super) enum Plan {
    /// Both speak the same: bytes pass, to what this row of the dialect says.
    Pass(&'static Served),
    /// From one format into another.
    Translate(Translation),
    /// The same, of what has one answer and never a stream.
    Exchange(Conversion),
}

/// One question and one answer, from one format into another.
pub(super) struct Conversion {
    /// The caller's.
    pub(super) inbound: Exchange,
    /// The provider's.
    pub(super) outbound: Exchange,
    /// In which words failures are told.
    pub(super) failures: Translation,
}

/// From one format into another.
#[derive(Clone)]
pub(super) struct Translation {
    /// The caller's.
    pub(super) inbound: &'static dyn Chat,
    /// The provider's.
    pub(super) outbound: Outbound,
}

impl Plan {
    /// How `deployment` serves `call`; `None`: not at all.
    pub(super) fn of(deployment: &Deployment, call: &AiCall<'_>) -> Option<Self> {
        let preset = deployment.way.preset();
        let Served { operation, exchange, .. } = call.served;
        let same = preset.dialect.name() == call.dialect.name() && deployment.takes(*operation);
        if same && exchange.is_none_or(|exchange| exchange.passes(call.request.body())) {
            // Of several rows for one thing the caller's own: each has its form.
            return Some(Self::Pass(call.served));
        }
        if let Some(inbound) = *exchange {
            let outbound = preset.dialect.exchange(preset, *operation)?;
            let outbound_chat = Outbound::Shared(chat_of(preset.dialect)?);
            let failures = Translation { inbound: chat_of(call.dialect)?, outbound: outbound_chat };
            return Some(Self::Exchange(Conversion { inbound, outbound, failures }));
        }
        let (inbound, outbound) = (call.format()?, deployment.chat.clone()?);
        Some(Self::Translate(Translation { inbound, outbound }))
    }
}

impl Plan {
    /// Reads the stream that the provider answers with, where it is a chat's.
    pub(super) fn reader(&self, call: &AiCall<'_>) -> Option<Box<dyn ReadStream>> {
        match self {
            Self::Pass(_) => call.format().map(Chat::reader),
            Self::Translate(translation) => Some(translation.outbound.reader()),
            Self::Exchange(_) => None,
        }
    }
}

/// The chats of a dialect, whose failures look like all its others.
fn chat_of(dialect: &dyn Dialect) -> Option<&'static dyn Chat> {
    dialect.serves().iter().find_map(|row| row.chat)
}

/// The refusal of a call that none of its model's deployments gets, and what kind of failure that is.
pub(super) fn nobody(
    target: &Target,
    out: &[(usize, Reason)],
    dialect: &dyn Dialect,
    served: &Served,
    now: Timestamp,
) -> (Class, Fault) {
    let reasons: Vec<String> = out
        .iter()
        .map(|(at, reason)| {
            let Deployment { provider, model, .. } = &target.deployments[*at];
            format!("`{model}` at `{provider}`: {reason}")
        })
        .collect();
    let context = reasons.join("; ");
    if let Some(until) = out.iter().filter_map(|(_, reason)| reason.until()).min() {
        let open = out.iter().any(|(_, reason)| matches!(reason, Reason::Open { .. }));
        let class = if open { Class::Outage } else { Class::RateLimited };
        let fault = Fault::new(codes::PROVIDER_UNAVAILABLE).retry_after(until.since(now));
        return (class, fault.context(context));
    }
    let fault = Fault::new(codes::AI_REQUEST_INVALID).context(context);
    let operation = served.operation.name();
    let detail = if out.iter().all(|(_, reason)| *reason == Reason::Dialect) {
        format!("this model does not serve `{operation}` of the dialect `{}`", dialect.name())
    } else {
        "this model has no deployment for a call like this; ask whoever runs the gateway which calls it is for".to_owned()
    };
    (Class::Refused, fault.detail(detail))
}
