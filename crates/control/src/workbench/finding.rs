//! The shape of the library's findings, for the description of the API.

/// What was found, why it matters and what to do. As [`portcullis_jose::Finding`] serialises.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "describes what another type serialises to")]
pub struct Finding {
    /// Stable: scripts may rely on it.
    code: String,
    /// `info`, `warning` or `error`.
    severity: String,
    /// What it is about: `"input"`, `{"part":"header"}`, `{"claim":"exp"}` or `{"key":{"index":0,"kid":"k1"}}`.
    #[schema(value_type = Value)]
    subject: serde_json::Value,
    /// What was seen.
    evidence: String,
    /// What to do about it.
    next: String,
    /// The byte of the input where it is.
    at: Option<usize>,
    /// The input as it was probably meant.
    repaired: Option<String>,
}
