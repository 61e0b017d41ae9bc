//! What a call costs.
//!
//! The exact sum is kept in millionths of a nano-unit (a rate is for a million), so costs add up: the cost of two calls is
//! the cost of their counts together, to the last digit. It is rounded once, where it is taken out, and **upwards**: at
//! most one nano-unit more than the exact sum, never less, so that what is booked never falls behind what is billed.

use super::model::Model;
use super::price::{Class, HIGHEST, Rates, Tariff};
use portcullis_model::Usage;
use std::fmt;
use std::ops::Add;

/// How much a call used, by class; counts do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts([u64; Class::ALL.len()]);

/// An exact sum of money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(i128);

/// The tariff has no rate for what was used, nor for what would stand in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// What was used.
    pub class: Class,
}

/// Rates are for so many.
const MILLION: i128 = 1_000_000;

// Every count of every class at the highest rate is within range, so a call's sum needs no check.
const _: () = assert!(
    (u64::MAX as i128).checked_mul(HIGHEST as i128 * Class::ALL.len() as i128).is_some(),
    "a call's cost could leave the range"
);

impl Model {
    /// What a call costs, in the tariff's currency.
    pub fn cost(&self, used: &Amounts, batch: bool) -> Result<Cost, Unpriced> {
        match &self.tariff {
            Some(tariff) => tariff.cost(used, batch),
            None => match used.classes().next() {
                Some((class, _)) => Err(Unpriced { class }),
                None => Ok(Cost::default()),
            },
        }
    }

    /// What the calls of a batch cost, of which only the sum is known; in the tariff's currency.
    pub fn cost_of_batch(&self, used: &Amounts, calls: u64) -> Result<Cost, Unpriced> {
        match &self.tariff {
            Some(tariff) => tariff.cost_of_batch(used, calls),
            None => self.cost(used, true),
        }
    }
}

impl Tariff {
    /// What a call costs: the whole of it at the rates of the tier that its prompt is in.
    pub fn cost(&self, used: &Amounts, batch: bool) -> Result<Cost, Unpriced> {
        self.rates(used.prompt(), batch).cost(used)
    }

    /// What the calls of a batch cost, of which only the sum is known: at the rates of the tier that their average prompt is in.
    pub fn cost_of_batch(&self, used: &Amounts, calls: u64) -> Result<Cost, Unpriced> {
        let calls = calls.max(1);
        let used = used.clone().with(Class::Request, calls);
        self.rates(used.prompt() / calls, true).cost(&used)
    }
}

impl Rates {
    /// What these amounts cost at these rates.
    ///
    /// Tokens are always charged when any token has a price; other units (seconds, characters, …) are other measures of
    /// the same call, and are charged where they have a rate. `Unpriced` when a token has no rate among ones that do, or
    /// when something was used and nothing of it has a price.
    pub fn cost(&self, used: &Amounts) -> Result<Cost, Unpriced> {
        let (mut sum, mut charged, mut left_out) = (0, false, None);
        for (class, count) in used.classes() {
            match self.of(class) {
                Some(rate) => {
                    sum += i128::from(count) * i128::from(rate);
                    charged = true;
                }
                None if class.is_token() && self.price_tokens() => return Err(Unpriced { class }),
                // That there was a call costs nothing where nobody says so.
                None if class == Class::Request => {}
                None => left_out = Some(class),
            }
        }
        match left_out {
            Some(class) if !charged => Err(Unpriced { class }),
            _ => Ok(Cost(sum)),
        }
    }
}

impl Amounts {
    /// These amounts, and so many of this class instead of what was there.
    #[must_use]
    pub fn with(mut self, class: Class, count: u64) -> Self {
        self.0[class as usize] = count;
        self
    }

    /// How many of this class.
    pub fn of(&self, class: Class) -> u64 {
        self.0[class as usize]
    }

    /// Tokens of the prompt, of every class, cached ones included.
    pub fn prompt(&self) -> u64 {
        self.classes()
            .filter(|(class, _)| class.is_prompt())
            .fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// What was used of each class, where it is not nothing.
    fn classes(&self) -> impl Iterator<Item = (Class, u64)> {
        Class::ALL.iter().map(|class| (*class, self.of(*class))).filter(|(_, count)| *count > 0)
    }
}

impl From<&Usage> for Amounts {
    /// One call's: a usage counts cached tokens, sound and images within its input, and reasoning, sound and images within its
    /// output. A provider that reports more of a part than of the whole is not believed: the parts are taken in that order
    /// until nothing is left.
    fn from(usage: &Usage) -> Self {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        let heard = usage.audio_input_tokens.min(fresh);
        let seen = usage.image_input_tokens.min(fresh - heard);
        let reasoning = usage.reasoning_tokens.min(usage.output_tokens);
        let said = usage.output_tokens - reasoning;
        let spoken = usage.audio_output_tokens.min(said);
        let drawn = usage.image_output_tokens.min(said - spoken);
        Self::default()
            .with(Class::Input, fresh - heard - seen)
            .with(Class::CachedInput, cached)
            .with(Class::AudioInput, heard)
            .with(Class::ImageInput, seen)
            .with(Class::Output, said - spoken - drawn)
            .with(Class::Reasoning, reasoning)
            .with(Class::AudioOutput, spoken)
            .with(Class::ImageOutput, drawn)
            .with(Class::Image, usage.images)
            .with(Class::Second, usage.seconds)
            .with(Class::Character, usage.characters)
            .with(Class::Request, 1)
    }
}

impl Cost {
    /// Whole nano-units, rounded up.
    pub fn nanos(self) -> i128 {
        // Never negative: counts and rates are not.
        self.0 / MILLION + i128::from(self.0 % MILLION > 0)
    }

    /// The sum, or `None` when it leaves the range: above 10²³ units of currency.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl Add for Cost {
    type Output = Self;

    /// The sum; the highest there is when it leaves the range, so that a limit holds.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Unpriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tariff has no price for `{}`", self.class.name())
    }
}

impl std::error::Error for Unpriced {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use proptest::prelude::*;

    fn amounts() -> impl Strategy<Value = Amounts> {
        proptest::array::uniform15(prop_oneof![Just(0), 0..1_000_000_u64, 0..=u64::MAX / 2]).prop_map(Amounts)
    }

    fn rates() -> impl Strategy<Value = Rates> {
        proptest::array::uniform15(prop_oneof![Just(None), (0..=HIGHEST).prop_map(Some)]).prop_map(|rates| {
            let mut all = Rates::default();
            for (class, rate) in Class::ALL.iter().zip(rates) {
                if let Some(rate) = rate {
                    all.set(*class, rate);
                }
            }
            all
        })
    }

    #[test]
    fn a_call_is_rounded_up_once() {
        let mut rates = Rates::default();
        // 2.8 nano-units a token.
        rates.set(Class::Input, 2_800_000);
        let one = rates.cost(&Amounts::default().with(Class::Input, 1)).unwrap();
        assert_eq!(one.nanos(), 3);
        assert_eq!((one + one + one + one + one).nanos(), 14, "five exact ones, not five rounded ones");
        assert_eq!(Cost::default().nanos(), 0);
    }

    #[test]
    fn what_has_no_price_is_not_free() {
        let mut tokens = Rates::default();
        tokens.set(Class::Input, 1);
        let used = Amounts::default().with(Class::Input, 1).with(Class::Reasoning, 1);
        assert_eq!(tokens.cost(&used), Err(Unpriced { class: Class::Reasoning }));
        // Seconds are another measure of what the tokens are charged for; alone they are not.
        assert!(tokens.cost(&Amounts::default().with(Class::Input, 1).with(Class::Second, 9)).is_ok());
        assert!(tokens.cost(&Amounts::default().with(Class::Second, 9)).is_err());
        let mut seconds = Rates::default();
        seconds.set(Class::Second, 1);
        assert!(seconds.cost(&Amounts::default().with(Class::Input, 1).with(Class::Second, 9)).is_ok());
        assert!(seconds.cost(&Amounts::default().with(Class::Input, 1)).is_err());
        assert!(Rates::default().cost(&Amounts::default()).is_ok());
        assert_eq!(tokens.cost(&Amounts::from(&Usage::default())), Ok(Cost::default()), "a call is no token");
    }

    #[test]
    fn the_prompt_chooses_the_tier_of_the_whole_call() {
        let tier = |above, rate| {
            let mut rates = Rates::default();
            rates.set(Class::Input, rate);
            super::super::Tier { above, rates }
        };
        let tariff = Tariff {
            currency: "USD".into(),
            standard: vec![tier(0, 1_000_000), tier(100, 2_000_000), tier(200, 3_000_000)],
            batch: Vec::new(),
        };
        for (input, cached, nanos) in
            [(100, 0, 100), (50, 50, 100), (51, 50, 202), (200, 0, 400), (201, 0, 603), (0, 0, 0)]
        {
            let used = Amounts::default().with(Class::Input, input).with(Class::CachedInput, cached);
            assert_eq!(tariff.cost(&used, true).unwrap().nanos(), nanos, "{input} and {cached}");
        }
        let many = Amounts::default().with(Class::Input, 400);
        let cost = |calls| tariff.cost_of_batch(&many, calls).unwrap().nanos();
        assert_eq!((cost(0), cost(1), cost(2), cost(4)), (1_200, 1_200, 800, 400), "of a batch, the average");
        let huge = Amounts::default().with(Class::Input, u64::MAX).with(Class::CacheWrite, u64::MAX);
        assert_eq!(huge.prompt(), u64::MAX);
        assert!(tariff.cost(&huge, false).is_ok());
    }

    #[test]
    fn a_usage_that_lies_is_charged_for_what_it_can_mean() {
        let usage = Usage {
            input_tokens: 10,
            cached_input_tokens: 99,
            output_tokens: 5,
            reasoning_tokens: u64::MAX,
            ..Usage::default()
        };
        let used = Amounts::from(&usage);
        assert_eq!((used.of(Class::Input), used.of(Class::CachedInput)), (0, 10));
        assert_eq!((used.of(Class::Output), used.of(Class::Reasoning)), (0, 5));
    }

    proptest! {
        #[test]
        fn costs_add_up(rates in rates(), a in amounts(), b in amounts()) {
            let both = Amounts(std::array::from_fn(|class| a.0[class] + b.0[class]));
            if let (Ok(a), Ok(b)) = (rates.cost(&a), rates.cost(&b)) {
                let sum = rates.cost(&both).unwrap();
                prop_assert_eq!(a + b, sum);
                prop_assert_eq!(a.checked_add(b), Some(sum));
                // Rounding by parts costs at most one nano-unit more for each part.
                prop_assert!(a.nanos() + b.nanos() >= sum.nanos() && a.nanos() + b.nanos() <= sum.nanos() + 1);
            }
        }

        #[test]
        fn no_call_leaves_the_range(counts in proptest::array::uniform15(prop_oneof![Just(u64::MAX), 0..=u64::MAX])) {
            let mut rates = Rates::default();
            for class in Class::ALL {
                rates.set(*class, HIGHEST);
            }
            let used = Amounts(counts);
            let exact: i128 = counts.iter().map(|count| i128::from(*count) * i128::from(HIGHEST)).sum();
            let cost = rates.cost(&used).unwrap();
            prop_assert_eq!(cost, Cost(exact));
            prop_assert!(cost.nanos() * MILLION >= exact && (cost.nanos() - 1) * MILLION < exact);
        }

        #[test]
        fn every_known_model_prices_every_usage(input: u64, output: u64, cached: u64, reasoning: u64, batch: bool) {
            let usage = Usage { input_tokens: input, output_tokens: output, cached_input_tokens: cached, reasoning_tokens: reasoning, ..Usage::default() };
            for model in Catalog::built_in().models().filter(|model| model.kind == crate::catalog::Kind::Chat) {
                let cost = model.cost(&Amounts::from(&usage), batch);
                prop_assert!(cost.is_ok_and(|cost| cost.nanos() >= 0), "{}/{}", model.vendor, model.id);
            }
        }
    }
}
