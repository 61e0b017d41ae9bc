//! Dialects: wire formats in which callers speak. One file each, one line in [`ALL`].

pub mod chat;
pub mod openai;

pub use chat::Chat;

use bytes::Bytes;
use portcullis_fault::Fault;

/// Every dialect that is served.
pub static ALL: &[&dyn Dialect] = &[&openai::OpenAi];

/// A wire format for AI calls, as far as it matters before and apart from a single operation.
pub trait Dialect: Send + Sync {
    /// As shown in records and metrics.
    fn name(&self) -> &'static str;

    /// Paths below which it is served, without a trailing slash.
    fn bases(&self) -> &'static [&'static str];

    /// Where its clients put their credential, in no order: two places filled is a conflict.
    fn credential_places(&self) -> &'static [CredentialPlace];

    /// A refusal as this dialect's JSON body. `pages` is the URL below which the codes' pages are served.
    fn error_body(&self, fault: &Fault, request_id: &str, pages: &str) -> Vec<u8>;

    /// A refusal in the middle of a stream, as a whole event: nothing that follows it may look like success.
    fn error_event(&self, fault: &Fault, request_id: &str, pages: &str) -> Bytes;
}

/// A place where a dialect's clients put their credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// `Authorization: Bearer …`.
    Bearer,
    /// The bare credential in a header of this lower-case name.
    Header(&'static str),
    /// The bare credential in a query parameter of this name.
    Query(&'static str),
}
