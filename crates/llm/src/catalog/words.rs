//! Closed sets of words, as the catalogue's files have them.

/// An enum whose variants have names in files: `ALL`, `name` and `named`.
macro_rules! words {
    ($(#[$meta:meta])* $of:ident { $($(#[$doc:meta])* $word:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $of {
            $($(#[$doc])* $word,)+
        }

        impl $of {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// As written in files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$word => $name,)+
                }
            }

            /// The one of this name.
            pub(super) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name() == name)
            }
        }
    };
}

pub(super) use words;
