//! The boundary that a form's `Content-Type` names.

use super::parameters::{Parameters, is_token};
use super::{Malformed, parameters};

/// What stands between the parts of a form: 1 to 70 characters (RFC 2046 §5.1.1), no space among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(Box<str>);

impl Boundary {
    /// By a `Content-Type`; `None` where it is that of something else than a form.
    pub fn of(content_type: &[u8]) -> Result<Option<Self>, Malformed> {
        let trimmed = content_type.trim_ascii_end();
        let begin = trimmed.len() - trimmed.trim_ascii_start().len();
        let mut parameters = Parameters::of(trimmed, begin..trimmed.len());
        if !trimmed[parameters.kind()].eq_ignore_ascii_case(b"multipart/form-data") {
            return Ok(None);
        }
        let mut boundary = None;
        while let Some(parameters::Parameter { name, value }) = parameters.next()? {
            match &trimmed[name.clone()].to_ascii_lowercase()[..] {
                b"boundary" if boundary.is_none() => boundary = Some(value),
                b"boundary" => {
                    return Err(Malformed::ambiguous("`Content-Type` has two boundaries", name.start));
                }
                // What fields are in anyway (RFC 7578 §5.1.2).
                b"charset" if trimmed[value.clone()].eq_ignore_ascii_case(b"utf-8") => {}
                _ => {
                    let what = "`Content-Type` of a form has `boundary` and nothing else";
                    return Err(Malformed::ambiguous(what, name.start));
                }
            }
        }
        let boundary = boundary
            .ok_or_else(|| Malformed::new("`Content-Type` of a form needs a `boundary`", trimmed.len()))?;
        let text = std::str::from_utf8(&trimmed[boundary.clone()]).unwrap_or_default();
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
        if !(1..=70).contains(&text.len()) || !text.bytes().all(is_known) {
            let what = "a boundary has 1 to 70 letters, digits and `'()+_,-./:=?`";
            return Err(Malformed::new(what, boundary.start));
        }
        Ok(Some(Self(text.into())))
    }

    /// As it is named, without the two hyphens before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A `Content-Type` that says this and nothing else.
    pub fn content_type(&self) -> String {
        if self.0.bytes().all(is_token) {
            format!("multipart/form-data; boundary={}", self.0)
        } else {
            format!("multipart/form-data; boundary=\"{}\"", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_read_one_way() {
        for (text, boundary, again) in [
            ("multipart/form-data; boundary=abc", "abc", "multipart/form-data; boundary=abc"),
            (
                "Multipart/Form-Data;BOUNDARY=\"a:b=\" ; charset=UTF-8",
                "a:b=",
                "multipart/form-data; boundary=\"a:b=\"",
            ),
            (
                "multipart/form-data; boundary=----WebKit1x",
                "----WebKit1x",
                "multipart/form-data; boundary=----WebKit1x",
            ),
        ] {
            let read = Boundary::of(text.as_bytes()).unwrap().unwrap();
            assert_eq!((read.as_str(), read.content_type().as_str()), (boundary, again));
            assert_eq!(Boundary::of(again.as_bytes()).unwrap().unwrap(), read);
        }
        for other in ["application/json", "", "multipart/mixed; boundary=a", "multipart/form-dataa"] {
            assert_eq!(Boundary::of(other.as_bytes()), Ok(None), "{other}");
        }
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for bad in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=a; boundary=b",
            "multipart/form-data; boundary=a; Boundary=a",
            "multipart/form-data; boundary=a;",
            "multipart/form-data; boundary*=utf-8''a",
            "multipart/form-data; boundary*0=a; boundary*1=b",
            "multipart/form-data; boundary=\"a\\b\"",
            "multipart/form-data; boundary=\"a",
            "multipart/form-data; boundary=\"a b\"",
            "multipart/form-data; boundary=a b",
            "multipart/form-data; boundary=a, multipart/form-data; boundary=b",
            "multipart/form-data; boundary=a; charset=utf-16",
            &long,
        ] {
            assert!(Boundary::of(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
