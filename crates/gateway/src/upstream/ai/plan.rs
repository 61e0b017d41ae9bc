//! How a deployment would serve a call: as it is, or translated.

use super::{AiCall, Deployment};
use portcullis_fault::{Fault, codes};
use portcullis_llm::dialect::Chat;
use portcullis_llm::dialect::Served;

/// How a deployment serves a call.
#[derive(Clone, Copy)]
pub(super) enum Plan<'a> {
    /// Both speak the same: bytes pass, to what this row of the dialect says.
    Pass(&'static Served),
    /// From one format into another.
    Translate(Translation<'a>),
}

/// From one format into another.
#[derive(Clone, Copy)]
pub(super) struct Translation<'a> {
    /// The caller's.
    pub(super) inbound: &'static dyn Chat,
    /// The provider's.
    pub(super) outbound: &'a dyn Chat,
}

impl<'a> Plan<'a> {
    /// How `deployment` serves `call`; `None`: not at all.
    pub(super) fn of(deployment: &'a Deployment, call: &AiCall<'_>) -> Option<Self> {
        let preset = deployment.way.preset();
        if preset.dialect.name() == call.dialect.name()
            && let Some(row) = preset.served(call.served.operation, call.stream)
        {
            return Some(Self::Pass(row));
        }
        let (inbound, outbound) = (call.format()?, deployment.chat.as_deref()?);
        Some(Self::Translate(Translation { inbound, outbound }))
    }
}

/// The refusal of a call that no deployment of its model serves.
pub(super) fn unserved(deployments: &[Deployment], call: &AiCall<'_>) -> Fault {
    let operation = call.served.operation.name();
    let mut speaks: Vec<_> =
        deployments.iter().map(|deployment| deployment.way.preset().dialect.name()).collect();
    speaks.sort_unstable();
    speaks.dedup();
    Fault::new(codes::AI_REQUEST_INVALID)
        .detail(format!("this model does not serve `{operation}` of the dialect `{}`", call.dialect.name()))
        .context(format!("its providers speak: {}", speaks.join(", ")))
}
