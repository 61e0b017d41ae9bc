//! What a vendor wants back unchanged (signatures over thoughts, encrypted thoughts) says whose it is: another vendor
//! would refuse it.
//!
//! In the canonical form each of them begins with its dialect: `anthropic:EqQB…`. On the wire of that dialect it is bare;
//! callers of other dialects get it, and send it back, with its beginning.

/// Dialects that have such things; OpenAI's where it is another vendor's second one (Google's, OpenRouter's).
const OWNERS: [&str; 5] = ["anthropic", "bedrock", "gemini", "openai", "responses"];

/// What dialect `own` read from its wire, in the canonical form. What a caller has from a provider of another dialect
/// has its beginning already.
pub fn read(own: &str, wire: &str) -> String {
    if owner(wire).is_some() { wire.to_owned() } else { format!("{own}:{wire}") }
}

/// What a provider of dialect `own` is sent: its own, bare; nothing of another's.
pub fn to_provider<'a>(own: &str, signature: &'a str) -> Option<&'a str> {
    let (owner, bare) = owner(signature)?;
    (owner == own).then_some(bare)
}

/// What a caller of dialect `own` is shown: its own bare, another's with its beginning.
pub fn to_caller<'a>(own: &str, signature: &'a str) -> &'a str {
    to_provider(own, signature).unwrap_or(signature)
}

/// Whether it says whose it is.
pub(crate) fn is_marked(signature: &str) -> bool {
    owner(signature).is_some()
}

/// Whose it is, and how it is on their wire.
fn owner(signature: &str) -> Option<(&str, &str)> {
    signature.split_once(':').filter(|(owner, _)| OWNERS.contains(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_to_its_vendor_only() {
        let canonical = read("anthropic", "EqQB+/=");
        assert_eq!(canonical, "anthropic:EqQB+/=");
        assert_eq!(to_provider("anthropic", &canonical), Some("EqQB+/="));
        assert_eq!(to_provider("gemini", &canonical), None);
        assert_eq!(to_caller("anthropic", &canonical), "EqQB+/=");
        assert_eq!(to_caller("gemini", &canonical), canonical);
        // A caller of another dialect sends back what it was shown.
        assert_eq!(read("gemini", to_caller("gemini", &canonical)), canonical);
        // What nobody signed goes to nobody.
        assert_eq!(to_provider("anthropic", "EqQB"), None);
    }
}
