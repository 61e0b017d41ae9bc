//! The crate as others see it.

mod allocations;
mod attacks;
mod audit;
mod chains;
mod classes;
mod containers;
mod examples;
mod explain;
mod fuzz_corpus;
mod goldilocks;
mod jwe;
mod jwe_vectors;
mod jws_json;
mod keys;
mod messages;
mod pages;
mod properties;
mod rules;
mod support;
mod vectors;
