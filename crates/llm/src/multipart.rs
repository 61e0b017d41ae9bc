//! Forms in a body: `multipart/form-data` (RFC 7578) in RFC 2046 §5.1's framing. Bytes in, spans out.
//!
//! As strict as the readers behind us differ. They disagree about line ends without a CR, white space behind a boundary,
//! what stands before the first and behind the last one, nested forms, escapes in names and transfer encodings; so a form
//! that has any of these is refused, and so is one in which the boundary stands anywhere but between two parts. What is
//! left has one reading.
//!
//! Not here: which fields mean something (`dialect::request`).

mod boundary;
mod parameters;

pub use boundary::Boundary;

use self::parameters::Parameters;
use memchr::memmem;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Parts of one form.
const MAX_PARTS: usize = 128;
/// Bytes of one part's headers.
const MAX_HEADERS: usize = 4 << 10;
/// Bytes of a field's name.
const MAX_NAME: usize = 64;

/// One field of a form, as places in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, without quotes: letters, digits and `_-.[]`.
    pub name: Range<usize>,
    /// Whether it is a file: its name as a file is given, in either form.
    pub is_file: bool,
    /// Its name as a file, without quotes, as it is written.
    pub file_name: Option<Range<usize>>,
    /// The value of its `Content-Type`.
    pub content_type: Option<Range<usize>>,
    /// What is in it.
    pub content: Range<usize>,
}

/// A body that is no form, or one with two readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub what: Cow<'static, str>,
    /// Where: bytes from the body's start, or from the start of `Content-Type`.
    pub at: usize,
    /// Whether two readers could take it for different things.
    pub ambiguous: bool,
}

impl Malformed {
    fn new(what: impl Into<Cow<'static, str>>, at: usize) -> Self {
        Self { what: what.into(), at, ambiguous: false }
    }

    fn ambiguous(what: impl Into<Cow<'static, str>>, at: usize) -> Self {
        Self { what: what.into(), at, ambiguous: true }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

impl Part {
    /// Its name.
    pub fn name<'b>(&self, body: &'b [u8]) -> &'b str {
        // Checked to be ASCII when it was read.
        std::str::from_utf8(&body[self.name.clone()]).unwrap_or_default()
    }

    /// Whether it is a field of text in UTF-8: no file, and not said to be anything else.
    pub fn is_text(&self, body: &[u8]) -> bool {
        let says = |range: &Range<usize>| {
            let said: String = body[range.clone()]
                .iter()
                .filter(|byte| !byte.is_ascii_whitespace() && **byte != b'"')
                .map(|byte| char::from(byte.to_ascii_lowercase()))
                .collect();
            said == "text/plain" || said == "text/plain;charset=utf-8"
        };
        !self.is_file && self.content_type.as_ref().is_none_or(says)
    }
}

/// The parts of `body`, in their order; all of it is looked at, and nothing is copied.
pub fn parts(body: &[u8], boundary: &Boundary) -> Result<Vec<Part>, Malformed> {
    let delimiter = [b"--", boundary.as_str().as_bytes()].concat();
    let mut parts = Vec::new();
    // Where the part under way begins.
    let mut open: Option<usize> = None;
    for at in memmem::find_iter(body, &delimiter) {
        match open {
            None if at > 0 => {
                return Err(Malformed::ambiguous("something stands before the first boundary", 0));
            }
            None => {}
            Some(start) => {
                let end = at.checked_sub(2).filter(|end| *end >= start && &body[*end..at] == b"\r\n");
                let end = end.ok_or_else(|| {
                    Malformed::ambiguous("the boundary does not stand at the beginning of a line", at)
                })?;
                if parts.len() == MAX_PARTS {
                    return Err(Malformed::new(format!("a form here has at most {MAX_PARTS} parts"), start));
                }
                parts.push(part(body, start..end)?);
            }
        }
        let behind = at + delimiter.len();
        let rest = &body[behind..];
        if rest.starts_with(b"\r\n") {
            open = Some(behind + 2);
        } else if let Some(epilogue) = rest.strip_prefix(b"--") {
            if !matches!(epilogue, b"" | b"\r\n") {
                return Err(Malformed::ambiguous("something stands behind the last boundary", behind + 2));
            }
            return Ok(parts);
        } else {
            return Err(Malformed::ambiguous("the boundary is not the whole of its line", at));
        }
    }
    Err(Malformed::new(
        if open.is_some() {
            "the form is not closed: its last boundary is missing"
        } else {
            "the boundary that `Content-Type` names is not there"
        },
        body.len(),
    ))
}

/// One part: headers, an empty line, content.
fn part(body: &[u8], range: Range<usize>) -> Result<Part, Malformed> {
    let start = range.start;
    let look = &body[start..range.end.min(start + MAX_HEADERS + 4)];
    let length = memmem::find(look, b"\r\n\r\n").ok_or_else(|| {
        let what = if range.len() > MAX_HEADERS {
            "a part's headers are too long, or have no end"
        } else {
            "a part has no empty line behind its headers"
        };
        Malformed::new(what, start)
    })?;
    let content = start + length + 4..range.end;
    let (mut disposition, mut content_type, mut others) = (None, None, Vec::new());
    let mut at = start;
    for line in lines(&body[start..start + length], start)? {
        let (name, value) = header(body, line.clone())?;
        at = line.end;
        match name.as_str() {
            "content-disposition" if disposition.is_none() => disposition = Some(value),
            "content-type" if content_type.is_none() => content_type = Some(value),
            "content-transfer-encoding" | "content-length" if !others.contains(&name) => {
                let said = body[value.clone()].to_ascii_lowercase();
                let stands = match name.as_str() {
                    "content-length" => said == content.len().to_string().as_bytes(),
                    _ => matches!(&said[..], b"binary" | b"8bit" | b"7bit"),
                };
                if !stands {
                    let what = format!("header `{name}` of a part says something else than what is there");
                    return Err(Malformed::ambiguous(what, line.start));
                }
                others.push(name);
            }
            "content-disposition" | "content-type" | "content-transfer-encoding" | "content-length" => {
                return Err(Malformed::ambiguous(format!("a part has two headers `{name}`"), line.start));
            }
            _ => {
                let name: String = name.chars().take(64).collect();
                let what = format!("a part of a form has no header `{name}` (RFC 7578 §4.8); leave it out");
                return Err(Malformed::new(what, line.start));
            }
        }
    }
    if let Some(range) = &content_type
        && body[range.clone()].get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/"))
    {
        return Err(Malformed::ambiguous("a part is a form of its own", range.start));
    }
    let disposition = disposition.ok_or_else(|| Malformed::new("a part has no `Content-Disposition`", at))?;
    let Field { name, file_name, is_file } = field(body, disposition)?;
    Ok(Part { name, is_file, file_name, content_type, content })
}

/// The lines of a part's headers. No line goes on in the next (RFC 7230 §3.2.4), and none ends with less than CRLF.
fn lines(headers: &[u8], start: usize) -> Result<Vec<Range<usize>>, Malformed> {
    let mut lines = Vec::new();
    let mut from = 0;
    while from <= headers.len() {
        let end = memmem::find(&headers[from..], b"\r\n").map_or(headers.len(), |end| from + end);
        if let Some(bad) =
            headers[from..end].iter().position(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return Err(Malformed::ambiguous("a part's header has a control character", start + from + bad));
        }
        if headers[from..end].first().is_none_or(|first| matches!(first, b' ' | b'\t')) {
            return Err(Malformed::ambiguous("a part's header begins with white space", start + from));
        }
        lines.push(start + from..start + end);
        from = end + 2;
    }
    Ok(lines)
}

/// A header's name in lower case, and where its value is.
fn header(body: &[u8], line: Range<usize>) -> Result<(String, Range<usize>), Malformed> {
    let bytes = &body[line.clone()];
    let colon = memchr::memchr(b':', bytes)
        .filter(|colon| *colon > 0 && bytes[..*colon].iter().all(|byte| parameters::is_token(*byte)))
        .ok_or_else(|| Malformed::new("a part's header has no name and colon", line.start))?;
    let name = bytes[..colon].iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let value = &bytes[colon + 1..];
    let begin = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let end = value.trim_ascii_end().len().max(begin);
    let from = line.start + colon + 1;
    Ok((name, from + begin..from + end))
}

/// What `Content-Disposition` says.
struct Field {
    name: Range<usize>,
    file_name: Option<Range<usize>>,
    is_file: bool,
}

/// Reads `Content-Disposition` (RFC 7578 §4.2).
fn field(body: &[u8], value: Range<usize>) -> Result<Field, Malformed> {
    let mut parameters = Parameters::of(body, value.clone());
    if !body[parameters.kind()].eq_ignore_ascii_case(b"form-data") {
        return Err(Malformed::new("a part's `Content-Disposition` must be `form-data`", value.start));
    }
    let (mut name, mut file_name, mut extended) = (None, None, false);
    while let Some(parameter) = parameters.next()? {
        let known = body[parameter.name.clone()].to_ascii_lowercase();
        let twice = match &known[..] {
            b"name" => name.replace(parameter.value).is_some(),
            b"filename" => file_name.replace(parameter.value).is_some(),
            b"filename*" => std::mem::replace(&mut extended, true),
            _ => {
                let what = "a part's `Content-Disposition` has `name`, `filename` and nothing else";
                return Err(Malformed::ambiguous(what, parameter.name.start));
            }
        };
        if twice {
            let what = "a part's `Content-Disposition` has a parameter twice";
            return Err(Malformed::ambiguous(what, parameter.name.start));
        }
    }
    let name = name.ok_or_else(|| Malformed::new("a part has no `name`", value.start))?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
    if !(1..=MAX_NAME).contains(&name.len()) || !body[name.clone()].iter().all(plain) {
        let what = format!("a field's name has 1 to {MAX_NAME} letters, digits and `_-.[]`");
        return Err(Malformed::new(what, name.start));
    }
    let is_file = file_name.is_some() || extended;
    Ok(Field { name, file_name, is_file })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
        format!("{parts}--b--\r\n")
    }

    fn read(body: &str) -> Result<Vec<(String, bool, String)>, Malformed> {
        let boundary = Boundary::of(b"multipart/form-data; boundary=b").unwrap().unwrap();
        let parts = parts(body.as_bytes(), &boundary)?;
        let text = |range: &Range<usize>| body[range.clone()].to_owned();
        Ok(parts.iter().map(|part| (text(&part.name), part.is_file, text(&part.content))).collect())
    }

    fn said(name: &str, content: &str) -> String {
        format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}")
    }

    #[test]
    fn fields_and_files_are_found() {
        let file = "content-disposition:form-data;filename=\"a b.wav\" ; name=file\r\nContent-Type: audio/wav\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 7\r\n\r\nx\r\n-b\ny";
        let body = form(&[&said("model", "whisper"), &said("empty", ""), file]);
        let field = |name: &str, file, content: &str| (name.to_owned(), file, content.to_owned());
        assert_eq!(
            read(&body).unwrap(),
            [field("model", false, "whisper"), field("empty", false, ""), field("file", true, "x\r\n-b\ny")]
        );
        assert_eq!(read("--b--").unwrap(), []);
        let parts =
            parts(body.as_bytes(), &Boundary::of(b"Multipart/Form-Data;boundary=\"b\"").unwrap().unwrap());
        let parts = parts.unwrap();
        assert_eq!(&body[parts[2].content_type.clone().unwrap()], "audio/wav");
        assert_eq!(&body[parts[2].file_name.clone().unwrap()], "a b.wav");
        assert!(parts[0].is_text(body.as_bytes()) && !parts[2].is_text(body.as_bytes()));
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let model = said("model", "a");
        for (body, what) in [
            // Framing.
            (format!("x\r\n{}", form(&[&model])), "before the first"),
            (format!("\r\n{}", form(&[&model])), "before the first"),
            (format!("{}x", form(&[&model])), "behind the last"),
            (format!("{}\r\n", form(&[&model])), "behind the last"),
            (form(&[&model]).replace("--b--", "--b --"), "whole of its line"),
            (form(&[&model]).replacen("--b\r\n", "--b \r\n", 1), "whole of its line"),
            (form(&[&model]).replacen("--b\r\n", "--b\n", 1), "whole of its line"),
            (form(&[&said("model", "a\n--b\nx")]), "beginning of a line"),
            (form(&[&said("model", "a\r--b\r\nx")]), "beginning of a line"),
            (form(&[&said("model", "a --b x")]), "beginning of a line"),
            (form(&[&said("model", "a\r\n--bc\r\nx")]), "whole of its line"),
            (form(&[&said("model", "a\r\n--b-\r\nx")]), "whole of its line"),
            // Headers.
            ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n--b--".to_owned(), "no empty line"),
            ("--b\r\n\r\nx\r\n--b--".to_owned(), "no empty line"),
            (form(&["\r\n\r\nx"]), "white space"),
            (form(&["Content-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx"]), "white space"),
            (form(&["Content-Disposition: form-data; name=\"a\"\nX: y\r\n\r\nx"]), "control character"),
            (form(&["Content-Type: text/plain\r\n\r\nx"]), "no `Content-Disposition`"),
            (form(&["Content-Disposition : form-data; name=\"a\"\r\n\r\nx"]), "name and colon"),
            (form(&["Content-Disposition: attachment; name=\"a\"\r\n\r\nx"]), "must be `form-data`"),
            (form(&["Content-Disposition: form-data\r\n\r\nx"]), "no `name`"),
            (form(&["Content-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx"]), "twice"),
            (form(&["Content-Disposition: form-data; name=\"a\"; NAME=\"b\"\r\n\r\nx"]), "twice"),
            (form(&["Content-Disposition: form-data; name*=utf-8''a\r\n\r\nx"]), "nothing else"),
            (form(&["Content-Disposition: form-data; name=\"a\"; size=1\r\n\r\nx"]), "nothing else"),
            (form(&["Content-Disposition: form-data; name=\"mod\\el\"\r\n\r\nx"]), "backslash"),
            (
                form(&[
                    "Content-Disposition: form-data; name=\"a\"; filename=\"x\\\"; name=\"model\"\r\n\r\nx",
                ]),
                "backslash",
            ),
            (form(&["Content-Disposition: form-data; name=\"a\" filename=\"x\"\r\n\r\nx"]), "`;`"),
            (form(&["Content-Disposition: form-data; name=\"a\";\r\n\r\nx"]), "name and `=`"),
            (form(&["Content-Disposition: form-data; name=\"mod%65l\"\r\n\r\nx"]), "letters"),
            (form(&["Content-Disposition: form-data; name=\"\"\r\n\r\nx"]), "letters"),
            (
                form(&[
                    "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nx",
                ]),
                "two headers",
            ),
            (
                form(&[
                    "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\neA==",
                ]),
                "something else",
            ),
            (
                form(&["Content-Disposition: form-data; name=\"a\"\r\nContent-Length: 9\r\n\r\nx"]),
                "something else",
            ),
            (
                form(&["Content-Disposition: form-data; name=\"a\"\r\nX-Other: y\r\n\r\nx"]),
                "no header `x-other`",
            ),
            (
                form(&[
                    "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--",
                ]),
                "form of its own",
            ),
            // Ends.
            ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx".to_owned(), "not closed"),
            (String::new(), "not there"),
            ("{\"model\":\"a\"}".to_owned(), "not there"),
        ] {
            let refused = read(&body).expect_err(&body);
            assert!(refused.to_string().contains(what), "{refused}: {body}");
        }
    }

    #[test]
    fn bounds() {
        let many = |n: usize| read(&form(&vec![&*said("a", ""); n]));
        assert!(many(128).is_ok() && many(129).unwrap_err().to_string().contains("at most 128"));
        let long = |n: usize| {
            let name = "n".repeat(n);
            read(&form(&[&format!(
                "Content-Disposition: form-data; name=\"a\"; filename=\"{name}\"\r\n\r\nx"
            )]))
        };
        assert!(long(4_000).is_ok());
        assert!(long(4_100).unwrap_err().to_string().contains("too long"));
        assert!(read(&form(&[&said(&"n".repeat(65), "")])).is_err());
    }
}
