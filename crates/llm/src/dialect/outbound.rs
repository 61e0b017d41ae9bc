//! The format in which a provider is told what callers say in other dialects.

use super::Chat;
use std::ops::Deref;
use std::sync::Arc;

/// A chat format as one deployment has it.
#[derive(Clone, Debug)]
pub enum Outbound {
    /// The dialect's own, which knows nothing of the vendor or the model.
    Shared(&'static dyn Chat),
    /// With what is known of the vendor's quirks, or of the model's limits.
    Own(Arc<dyn Chat>),
}

impl Deref for Outbound {
    type Target = dyn Chat;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Shared(chat) => *chat,
            Self::Own(chat) => &**chat,
        }
    }
}
