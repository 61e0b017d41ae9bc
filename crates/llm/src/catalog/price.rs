//! Prices: whole nano-units of currency for a million of something.
//!
//! Never a float on the way: a file's `"2.50"` is read as a decimal. A million, because that is how vendors say it, and
//! because most prices for one token are no whole number of nano-units.

use super::words::words;

words! {
    /// What is counted and priced. Counts do not overlap: a cached token is no [`Input`](Self::Input), a token of
    /// reasoning no [`Output`](Self::Output).
    Class {
        /// Tokens of text taken in afresh.
        Input = "input",
        /// Tokens read from the provider's cache.
        CachedInput = "cached_input",
        /// Tokens written to the provider's cache for five minutes, or for as long as it likes.
        CacheWrite = "cache_write_5m",
        /// Tokens written to the provider's cache for an hour or longer.
        CacheWriteHour = "cache_write_1h",
        /// Tokens of sound taken in.
        AudioInput = "audio_input",
        /// Tokens of sound read from the provider's cache.
        CachedAudioInput = "cached_audio_input",
        /// Tokens of images taken in.
        ImageInput = "image_input",
        /// Tokens of text given out.
        Output = "output",
        /// Tokens thought.
        Reasoning = "reasoning",
        /// Tokens of sound given out.
        AudioOutput = "audio_output",
        /// Tokens of images given out.
        ImageOutput = "image_output",
        /// Calls; searches, for what orders documents.
        Request = "request",
        /// Whole images made.
        Image = "image",
        /// Characters spoken.
        Character = "character",
        /// Seconds listened to.
        Second = "second",
    }
}

impl Class {
    /// Whether this counts tokens.
    pub const fn is_token(self) -> bool {
        !matches!(self, Self::Request | Self::Image | Self::Character | Self::Second)
    }

    /// Whether this counts tokens that are taken in, which choose the tier.
    pub const fn is_prompt(self) -> bool {
        (self as usize) < Self::Output as usize
    }

    /// The class whose rate this one has when a tariff does not name it; never one that costs less by its nature.
    const fn stand_in(self) -> Option<Self> {
        match self {
            Self::CachedInput | Self::CacheWrite | Self::AudioInput | Self::ImageInput => Some(Self::Input),
            Self::CacheWriteHour => Some(Self::CacheWrite),
            Self::CachedAudioInput => Some(Self::AudioInput),
            Self::Reasoning | Self::AudioOutput | Self::ImageOutput => Some(Self::Output),
            Self::Input | Self::Output | Self::Request | Self::Image | Self::Character | Self::Second => None,
        }
    }
}

/// What a model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// ISO 4217: `USD`.
    pub currency: String,
    /// By the size of the prompt; the first one is `above` 0, the others follow in order.
    pub standard: Vec<Tier>,
    /// The same for calls in batches; empty: no other price.
    pub batch: Vec<Tier>,
}

/// Rates for prompts of a size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// For prompts of more tokens than this, of every class together, cached ones included.
    pub above: u64,
    /// What the whole call costs then, its answer included.
    pub rates: Rates,
}

/// The rate of each class: nano-units of currency for a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates([Option<u64>; Class::ALL.len()]);

/// Nano-units in a unit of currency.
pub(super) const NANOS: u64 = 1_000_000_000;

/// The highest rate: a million units of currency for a million, one for each. Bounds every sum (see `cost`).
pub(super) const HIGHEST: u64 = 1_000_000 * NANOS;

impl Tariff {
    /// The rates of a call with a prompt of so many tokens.
    pub fn rates(&self, prompt: u64, batch: bool) -> &Rates {
        static NOTHING: Rates = Rates([None; Class::ALL.len()]);
        let tiers = if batch && !self.batch.is_empty() { &self.batch } else { &self.standard };
        tiers
            .iter()
            .rev()
            .find(|tier| tier.above == 0 || tier.above < prompt)
            .map_or(&NOTHING, |tier| &tier.rates)
    }
}

impl Rates {
    /// What a million of this class costs, its own rate or its stand-in's.
    pub fn of(&self, class: Class) -> Option<u64> {
        let mut class = Some(class);
        while let Some(asked) = class {
            if let Some(rate) = self.named(asked) {
                return Some(rate);
            }
            class = asked.stand_in();
        }
        None
    }

    /// What a million of this class costs, where the tariff names it.
    pub fn named(&self, class: Class) -> Option<u64> {
        self.0[class as usize]
    }

    /// Whether tokens of any class have a price.
    pub fn price_tokens(&self) -> bool {
        Class::ALL.iter().any(|class| class.is_token() && self.named(*class).is_some())
    }

    /// Sets the rate of a class.
    pub(super) fn set(&mut self, class: Class, rate: u64) {
        self.0[class as usize] = Some(rate);
    }

    /// These rates, and `base`'s where there is none.
    pub(super) fn over(&self, base: &Self) -> Self {
        Self(std::array::from_fn(|class| self.0[class].or(base.0[class])))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// Reads a decimal as nano-units: digits, and at most nine more behind a point. Says what is wrong.
pub(super) fn decimal(text: &str) -> Result<u64, &'static str> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(positive) = text.strip_prefix('-') {
        return Err(if decimal(positive).is_ok() { "must not be negative" } else { NO_DECIMAL });
    }
    if !digits(whole) || !digits(part) {
        return Err(NO_DECIMAL);
    }
    if part.len() > 9 {
        return Err("has more than nine digits behind the point, which is finer than a nano-unit");
    }
    let scale = 10_u64.pow(9 - part.len() as u32);
    whole
        .parse::<u64>()
        .ok()
        .and_then(|whole| whole.checked_mul(NANOS))
        // Nine digits at most: cannot fail to parse nor leave the range.
        .and_then(|whole| whole.checked_add(part.parse::<u64>().ok()? * scale))
        .filter(|rate| *rate <= HIGHEST)
        .ok_or("is higher than a million for a million; is it meant for one?")
}

const NO_DECIMAL: &str = "must be a decimal, as `\"2.50\"`";

/// Nano-units as a decimal, without zeros at its end.
pub(super) fn shown(nanos: u64) -> String {
    let (whole, part) = (nanos / NANOS, nanos % NANOS);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:09}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_to_the_last_nano_unit_or_refused() {
        for (text, nanos) in [
            ("0", 0),
            ("2.50", 2_500_000_000),
            ("0.0028", 2_800_000),
            ("0.000000001", 1),
            ("1000000", HIGHEST),
            ("007", 7 * NANOS),
        ] {
            assert_eq!(decimal(text), Ok(nanos), "{text}");
        }
        for (text, why) in [
            ("", "decimal"),
            (".5", "decimal"),
            ("5.", "decimal"),
            ("+1", "decimal"),
            ("1e-6", "decimal"),
            ("1,5", "decimal"),
            (" 1", "decimal"),
            ("0x1", "decimal"),
            ("١", "decimal"),
            ("NaN", "decimal"),
            ("-", "decimal"),
            ("--1", "decimal"),
            ("-1", "negative"),
            ("-0.5", "negative"),
            ("0.0000000001", "nano-unit"),
            ("1000000.000000001", "higher"),
            ("99999999999999999999999", "higher"),
        ] {
            assert!(decimal(text).unwrap_err().contains(why), "{text}: {:?}", decimal(text));
        }
    }

    #[test]
    fn no_class_stands_in_for_itself() {
        for class in Class::ALL {
            let (mut at, mut steps) = (*class, 0);
            while let Some(next) = at.stand_in() {
                assert_eq!(class.is_prompt(), next.is_prompt(), "{}", class.name());
                (at, steps) = (next, steps + 1);
                assert!(steps < Class::ALL.len(), "{}", class.name());
            }
        }
        assert!(Class::ImageInput.is_prompt() && !Class::Output.is_prompt() && !Class::Second.is_prompt());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in 0..=HIGHEST) {
            prop_assert_eq!(decimal(&shown(nanos)), Ok(nanos));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}|[-+.0-9e]{0,30}") {
            let _ = decimal(&text);
        }
    }
}
