//! `portcullis jose`: every verb, every way in, what it says and with which exit code.

mod desk;
mod examples;
mod failures;
mod keys;
mod site;
mod tokens;
