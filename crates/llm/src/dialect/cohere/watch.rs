//! A stream whose bytes pass: followed to its last event, which is not the one that says that all was said.

use crate::dialect::chat::{ReadStream, Watch};
use crate::dialect::watch::Following;
use crate::stream::sse::{Kind, Scanner};
use portcullis_model::Usage;

/// Watches a stream.
pub(super) struct Watcher {
    following: Following,
    scanner: Scanner,
    /// The beginning of the event's data.
    data: Vec<u8>,
    over: bool,
}

/// What stands behind everything.
const LAST: &[u8] = b"[DONE]";

impl Watcher {
    /// A stream that `reader` can read.
    pub(super) fn new(reader: Box<dyn ReadStream>) -> Self {
        Self { following: Following::new(reader), scanner: Scanner::new(), data: Vec::new(), over: false }
    }
}

impl Watch for Watcher {
    fn feed(&mut self, bytes: &[u8]) {
        self.following.feed(bytes);
        let mut at = 0;
        while let Some((kind, range)) = self.scanner.next(bytes, &mut at) {
            match kind {
                Kind::Data => {
                    // One more than there is to compare with.
                    let room = (LAST.len() + 1).saturating_sub(self.data.len());
                    self.data.extend(bytes[range].iter().take(room));
                }
                Kind::End => {
                    self.over |= self.data == LAST;
                    self.data.clear();
                }
                _ => {}
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.over
    }

    /// Servers that copied the format leave out what stands behind it.
    fn may_end(&self) -> bool {
        self.following.is_complete()
    }

    fn is_failed(&self) -> bool {
        self.following.is_failed()
    }

    fn usage(&self) -> Option<Usage> {
        self.following.usage()
    }

    fn text_bytes(&self) -> u64 {
        self.following.text_bytes()
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::Chat;
    use crate::dialect::cohere::CHAT;

    #[test]
    fn what_stands_behind_the_end_is_waited_for() {
        let said: [&[u8]; 3] = [
            b"data: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"[DONE]\"}}}}\n\n",
            b"event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n",
            b"data: [DONE]\n\n",
        ];
        let mut watch = CHAT.watch(true);
        let mut stands = Vec::new();
        for event in said {
            event.chunks(1).for_each(|byte| watch.feed(byte));
            stands.push((watch.may_end(), watch.is_complete()));
        }
        assert_eq!(stands, [(false, false), (true, false), (true, true)]);
    }
}
