//! The crate as the gateway uses it.

mod anthropic;
mod bedrock;
mod catalog;
mod cohere_ollama;
mod complaints;
mod custom;
mod echo;
mod embed;
mod eventstream;
mod frames;
mod fuzz_corpus;
mod gemini;
mod golden;
mod multipart;
mod openai;
mod request;
mod responses;
mod stream;
mod translate;
