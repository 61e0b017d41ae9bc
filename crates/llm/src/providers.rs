//! Providers: vendors as rows ([`presets`]), and the built-in one that needs no network ([`echo`]).

pub mod echo;
pub mod presets;

pub use presets::Preset;
