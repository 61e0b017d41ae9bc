//! Cross-checks.

/// Algorithms.
pub const ALGORITHMS: &[&str] = &[];
/// Presets.
pub const ISSUER_PRESETS: &[&str] = &["keycloak", "auth0", "okta", "cognito", "entra"];
/// First segments.
pub const RESERVED_SEGMENTS: &[&str] =
    &["-", "v1", "openai", "anthropic", "gemini", "bedrock", "cohere", "ollama"];
