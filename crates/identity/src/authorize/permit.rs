//! The proof that a call was authorised. It cannot be made elsewhere, copied out of a refusal or widened.

use super::policies::Question;
use portcullis_model::{Name, Principal};
use std::fmt;
use std::sync::Arc;

/// A call was authorised for one service. Whoever reaches an upstream asks for one by reference.
#[derive(Clone)]
pub struct Permit {
    principal: Option<Arc<Principal>>,
    service: Name,
    purpose: Purpose,
    /// What the policies were asked, when there were any: a later question about a model is asked in the same words.
    pub(super) question: Option<Arc<Question>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Call,
    Anonymous,
    System(&'static str),
}

impl Permit {
    pub(super) fn call(principal: Arc<Principal>, service: Name, question: Option<Arc<Question>>) -> Self {
        Self { principal: Some(principal), service, purpose: Purpose::Call, question }
    }

    /// For a service that lets everybody through; the principal, when somebody was recognised all the same.
    pub(super) fn open(principal: Option<Arc<Principal>>, service: Name) -> Self {
        Self { principal, service, purpose: Purpose::Anonymous, question: None }
    }

    /// For calls that the gateway makes of itself: health checks. `purpose` is for the log.
    pub fn system(service: Name, purpose: &'static str) -> Self {
        Self { principal: None, service, purpose: Purpose::System(purpose), question: None }
    }

    /// Who the call is by. Nobody, for a service that asks nothing and for the gateway's own calls.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// The service's name.
    pub fn service_name(&self) -> &Name {
        &self.service
    }

    /// Why the gateway itself calls, when it does.
    pub fn system_purpose(&self) -> Option<&'static str> {
        match self.purpose {
            Purpose::System(purpose) => Some(purpose),
            Purpose::Call | Purpose::Anonymous => None,
        }
    }

    /// Whether everybody was let through (`auth = "none"` or `"monitor"`).
    pub fn is_open(&self) -> bool {
        self.purpose == Purpose::Anonymous
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenant = self.principal.as_ref().map(|principal| &principal.tenant.name);
        f.debug_struct("Permit")
            .field("service", &self.service)
            .field("purpose", &self.purpose)
            .field("tenant", &tenant)
            .finish()
    }
}

/// The use of one model was authorised.
#[derive(Clone, Debug)]
pub struct ModelPermit {
    permit: Permit,
    model: Name,
}

impl ModelPermit {
    pub(super) fn new(permit: Permit, model: Name) -> Self {
        Self { permit, model }
    }

    /// The permit that it extends.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The model as callers name it.
    pub fn model(&self) -> &Name {
        &self.model
    }
}
