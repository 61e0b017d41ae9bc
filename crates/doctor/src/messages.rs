//! The error texts of other libraries and servers, and the code of ours that each stands for: paste one, get the page.
//!
//! The table stands beside the pages (`fault`), which show it as well; here is the doctor's question to it.

pub use portcullis_fault::pages::messages::{Checked, INPUT_MAX, Match, Message, all, of};

/// What the messages in `text` can mean, the likeliest first; empty when none is known. Tolerant of case, white space and
/// quotes; the values that stood in a message (the expected audience, …) are given with it, never a token.
pub fn explain_message(text: &str) -> Vec<Match> {
    portcullis_fault::pages::messages::explain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_text_leads_to_its_page() {
        let found = explain_message("AuthApiError: User from sub claim in JWT does not exist");
        assert_eq!(found[0].message.codes[0], portcullis_fault::codes::USER_UNKNOWN);
        assert!(explain_message("all is well").is_empty());
    }
}
