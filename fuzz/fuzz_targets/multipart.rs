#![no_main]

#[path = "../llm/lib.rs"]
mod llm;

libfuzzer_sys::fuzz_target!(|data: &[u8]| llm::multipart::run(data));
