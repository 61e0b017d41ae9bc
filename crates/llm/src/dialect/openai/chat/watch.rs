//! Looks at chat completions that pass: what [`UsageScanner`] finds, for those who need no more than that.

use crate::dialect::chat::Watch;
use crate::dialect::openai::UsageScanner;
use bytes::Bytes;
use portcullis_model::Usage;
use std::collections::VecDeque;

pub(super) struct Watcher {
    scanner: UsageScanner,
    passed: VecDeque<Bytes>,
}

impl Watcher {
    pub(super) fn new(stream: bool) -> Self {
        let scanner = if stream { UsageScanner::stream(false) } else { UsageScanner::json() };
        Self { scanner, passed: VecDeque::new() }
    }
}

impl Watch for Watcher {
    fn feed(&mut self, bytes: &[u8]) {
        self.scanner.feed(Bytes::copy_from_slice(bytes), &mut self.passed);
        self.passed.clear();
    }

    fn is_complete(&self) -> bool {
        self.scanner.is_complete()
    }

    fn is_failed(&self) -> bool {
        self.scanner.is_failed()
    }

    fn usage(&self) -> Option<Usage> {
        self.scanner.usage()
    }

    fn text_bytes(&self) -> u64 {
        self.scanner.text_bytes()
    }
}
