//! A tokenizer that is fed a document in pieces of any size and keeps nothing but its place in it. For answers of
//! providers, which we pass on and do not judge: it is lenient about values, and gives up ([`Tokenizer::broken`]) where
//! the structure makes no sense.

/// What [`Tokenizer::feed`] finds. `depth` is the number of containers around it.
pub(crate) trait Sink {
    /// A member's name as written; empty when it is longer than 32 bytes.
    fn name(&mut self, name: &[u8], depth: u32);
    /// An object or an array begins.
    fn open(&mut self, object: bool, depth: u32);
    /// It ends.
    fn close(&mut self, depth: u32);
    /// A string value begins.
    fn string(&mut self, depth: u32);
    /// Bytes of the string value; an escape counts as what is behind its backslash.
    fn text(&mut self, bytes: &[u8]);
    /// A number, `true`, `false` or `null`, cut at 24 bytes.
    fn scalar(&mut self, word: &[u8], depth: u32);
}

/// Hears nothing: for who asks only whether a document is whole.
impl Sink for () {
    fn name(&mut self, _: &[u8], _: u32) {}
    fn open(&mut self, _: bool, _: u32) {}
    fn close(&mut self, _: u32) {}
    fn string(&mut self, _: u32) {}
    fn text(&mut self, _: &[u8]) {}
    fn scalar(&mut self, _: &[u8], _: u32) {}
}

const MAX_NAME: usize = 32;
const MAX_SCALAR: usize = 24;
/// As many as there are bits for.
const MAX_DEPTH: u32 = 127;

/// The place in the document.
#[derive(Debug, Default)]
pub(crate) struct Tokenizer {
    state: State,
    depth: u32,
    /// One bit per open container, the innermost lowest: 1 is an object.
    objects: u128,
    /// Whether the next string is a member's name.
    name_next: bool,
    word: [u8; MAX_NAME],
    word_len: usize,
    closed: bool,
    broken: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Text,
    Escape,
    Scalar,
}

impl Tokenizer {
    /// Whether the document's outermost object or array was closed.
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// Whether it gave up: not an object or array, closed what was not open, too deep, or something after the end.
    pub(crate) fn broken(&self) -> bool {
        self.broken
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.broken {
                return;
            }
            at += match self.state {
                State::Between => self.between(byte, sink),
                State::Text => self.string(&bytes[at..], sink),
                State::Escape => {
                    self.fragment(&[byte], sink);
                    self.state = State::Text;
                    1
                }
                State::Scalar => self.scalar(&bytes[at..], sink),
            };
        }
    }

    /// Returns how many bytes it took.
    fn between(&mut self, byte: u8, sink: &mut impl Sink) -> usize {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ if self.closed => self.broken = true,
            b'{' | b'[' => {
                let object = byte == b'{';
                if self.depth >= MAX_DEPTH {
                    self.broken = true;
                    return 1;
                }
                sink.open(object, self.depth);
                self.depth += 1;
                self.objects = self.objects << 1 | u128::from(object);
                self.name_next = object;
            }
            b'}' | b']' => {
                if self.depth == 0 || (self.objects & 1 == 1) != (byte == b'}') {
                    self.broken = true;
                    return 1;
                }
                self.depth -= 1;
                self.objects >>= 1;
                self.closed = self.depth == 0;
                sink.close(self.depth);
            }
            // Outside of containers there is nothing that we could look for.
            _ if self.depth == 0 => self.broken = true,
            b',' => self.name_next = self.objects & 1 == 1,
            b':' => self.name_next = false,
            b'"' => {
                self.state = State::Text;
                self.word_len = 0;
                if !self.name_next {
                    sink.string(self.depth);
                }
            }
            _ => {
                self.state = State::Scalar;
                self.word_len = 0;
                return 0;
            }
        }
        1
    }

    fn string(&mut self, rest: &[u8], sink: &mut impl Sink) -> usize {
        let Some(end) = memchr::memchr2(b'"', b'\\', rest) else {
            self.fragment(rest, sink);
            return rest.len();
        };
        self.fragment(&rest[..end], sink);
        if rest[end] == b'\\' {
            self.state = State::Escape;
        } else {
            self.state = State::Between;
            if self.name_next {
                let name = if self.word_len <= MAX_NAME { &self.word[..self.word_len] } else { &[] };
                sink.name(name, self.depth);
            }
        }
        end + 1
    }

    fn fragment(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        if self.name_next {
            self.keep(bytes, MAX_NAME);
        } else if !bytes.is_empty() {
            sink.text(bytes);
        }
    }

    fn scalar(&mut self, rest: &[u8], sink: &mut impl Sink) -> usize {
        let end = rest.iter().position(|byte| {
            matches!(byte, b',' | b'}' | b']' | b':' | b'{' | b'[' | b'"' | b' ' | b'\t' | b'\n' | b'\r')
        });
        let took = end.unwrap_or(rest.len());
        self.keep(&rest[..took], MAX_SCALAR);
        if end.is_some() {
            self.state = State::Between;
            sink.scalar(&self.word[..self.word_len.min(MAX_SCALAR)], self.depth);
        }
        took
    }

    /// Appends to the word as long as it has room; its length says when it had none.
    fn keep(&mut self, bytes: &[u8], room: usize) {
        let from = self.word_len.min(room);
        let kept = bytes.len().min(room - from);
        self.word[from..from + kept].copy_from_slice(&bytes[..kept]);
        self.word_len = self.word_len.saturating_add(bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that a document says, fragments of strings joined.
    #[derive(Default)]
    struct Trace(String);

    impl Sink for Trace {
        fn name(&mut self, name: &[u8], depth: u32) {
            self.0.push_str(&format!(" {depth}.{}", String::from_utf8_lossy(name)));
        }
        fn open(&mut self, object: bool, _: u32) {
            self.0.push_str(if object { " {" } else { " [" });
        }
        fn close(&mut self, _: u32) {
            self.0.push_str(" close");
        }
        fn string(&mut self, _: u32) {
            self.0.push_str(" \"");
        }
        fn text(&mut self, bytes: &[u8]) {
            bytes.iter().for_each(|byte| self.0.push(char::from(*byte)));
        }
        fn scalar(&mut self, word: &[u8], _: u32) {
            self.0.push_str(&format!(" ={}", String::from_utf8_lossy(word)));
        }
    }

    fn trace<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, bool, bool) {
        let (mut tokenizer, mut trace) = (Tokenizer::default(), Trace::default());
        pieces.into_iter().for_each(|piece| tokenizer.feed(piece, &mut trace));
        (trace.0, tokenizer.closed(), tokenizer.broken())
    }

    #[test]
    fn tells_names_from_values() {
        let document = br#" {"a":"b", "n\"e":[1,true,{"d":-2.5e3}], "":null} "#;
        assert_eq!(
            trace([&document[..]]),
            (" { 1.a \"b 1.n\"e [ =1 =true { 3.d =-2.5e3 close close 1. =null close".to_owned(), true, false)
        );
        let long = format!("{{\"{}\":{}}}", "k".repeat(33), "1".repeat(30));
        assert_eq!(trace([long.as_bytes()]).0, format!(" {{ 1. ={} close", "1".repeat(24)));
    }

    #[test]
    fn gives_up_on_nonsense() {
        for nonsense in ["}", "[}", "{]", "1", "\"a\"", "{}{", "{} x", "<html>"] {
            assert!(trace([nonsense.as_bytes()]).2, "{nonsense}");
        }
        assert!(trace([&[b'['; 1000][..]]).2);
        assert!(!trace([&b"{\"a\":["[..]]).1);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(document in proptest::collection::vec(prop_oneof![
            Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b':'), Just(b'"'), Just(b'\\'), Just(b'a'), Just(b'1'), Just(b' '), any::<u8>(),
        ], 0..60), sizes in proptest::collection::vec(1_usize..5, 60)) {
            let mut rest = &document[..];
            let mut pieces = Vec::new();
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(trace(pieces), trace([&document[..]]));
        }
    }
}
