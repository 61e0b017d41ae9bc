//! The crate as others see it.

mod attacks;
mod keys;
mod properties;
mod rules;
mod support;
mod vectors;
