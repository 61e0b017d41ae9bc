//! Bodies that go into the record, where a service asks for that: the beginning of each, as text.

use portcullis_model::record::Capture;

/// Bodies being captured.
#[derive(Debug)]
pub(crate) struct Capturing {
    request: Vec<u8>,
    response: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Capturing {
    /// At most `limit` bytes of each.
    pub(crate) fn new(limit: usize) -> Self {
        Self { request: Vec::new(), response: Vec::new(), limit, truncated: false }
    }

    /// More of the request; `cut`: and there was more that is not here.
    pub(crate) fn request(&mut self, bytes: &[u8], cut: bool) {
        self.truncated |= cut | keep(&mut self.request, bytes, self.limit);
    }

    /// More of the answer.
    pub(crate) fn response(&mut self, bytes: &[u8]) {
        self.truncated |= keep(&mut self.response, bytes, self.limit);
    }

    /// For the record.
    pub(crate) fn done(self) -> Box<Capture> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Box::new(Capture {
            request: text(self.request),
            response: text(self.response),
            truncated: self.truncated,
        })
    }
}

/// Whether something did not fit.
fn keep(to: &mut Vec<u8>, bytes: &[u8], limit: usize) -> bool {
    let room = limit.saturating_sub(to.len()).min(bytes.len());
    to.extend_from_slice(&bytes[..room]);
    room < bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_kept() {
        let mut capturing = Capturing::new(4);
        capturing.request(b"abc", false);
        capturing.response(b"ab");
        capturing.response(b"cdef");
        let capture = capturing.done();
        assert_eq!(
            (capture.request.as_str(), capture.response.as_str(), capture.truncated),
            ("abc", "abcd", true)
        );
    }
}
