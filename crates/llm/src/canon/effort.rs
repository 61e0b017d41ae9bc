//! Steps of thinking: their words, and what they are in tokens.

use super::request::Effort;

/// Step, word, tokens: what the vendors that know both have said that their words mean, where they have said it.
const STEPS: &[(Effort, &str, u64)] = &[
    (Effort::None, "none", 0),
    (Effort::Minimal, "minimal", 1_024),
    (Effort::Low, "low", 2_048),
    (Effort::Medium, "medium", 8_192),
    (Effort::High, "high", 24_576),
    (Effort::Extra, "xhigh", 40_960),
    (Effort::Max, "max", 65_536),
];

impl Effort {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub fn word(self) -> &'static str {
        STEPS.iter().find(|(step, ..)| *step == self).map_or("medium", |(_, word, _)| word)
    }

    /// By its word.
    pub fn of_word(word: &str) -> Option<Self> {
        STEPS.iter().find(|(_, known, _)| *known == word).map(|(step, ..)| *step)
    }

    /// In tokens.
    pub fn budget(self) -> u64 {
        STEPS.iter().find(|(step, ..)| *step == self).map_or(8_192, |(.., tokens)| *tokens)
    }

    /// The smallest step that has so many tokens.
    pub fn of_budget(tokens: u64) -> Self {
        STEPS.iter().find(|(.., budget)| tokens <= *budget).map_or(Self::Max, |(step, ..)| *step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_budgets_come_back() {
        for (step, word, _) in STEPS {
            assert_eq!(Effort::of_word(word), Some(*step));
            assert_eq!(step.word(), *word);
            assert_eq!(Effort::of_budget(step.budget()), *step);
        }
        assert_eq!(Effort::of_budget(1), Effort::Minimal);
        assert_eq!(Effort::of_budget(u64::MAX), Effort::Max);
        assert_eq!(Effort::of_word("Medium"), None);
    }
}
