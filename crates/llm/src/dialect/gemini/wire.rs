//! The small forms of the wire: names in two spellings, numbers as numbers or text, base64 in two alphabets, signatures.
//!
//! The API reads JSON by the rules of protobuf: `inlineData` and `inline_data` are one member, whole numbers may be text
//! or end in `.0`, bytes are base64 of either alphabet, and a list of one object may be that object.

use crate::canon::signature;
use crate::json::tree::{Node, Object, Path, Tree, invalid, typed};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use portcullis_fault::Fault;
use std::borrow::Cow;

/// This dialect, in natives and signatures.
pub(in super::super) const NAME: &str = "gemini";

/// In place of a signature that is not there, for models that want one: they then do not check.
pub(super) const UNSIGNED: &str = "skip_thought_signature_validator";

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The object at `at`, with its members in camel case.
pub(in super::super) fn object<'a, 'p>(node: Node<'a>, at: Path<'p>) -> Result<Object<'a, 'p>, Fault> {
    node.object(at)?.respelled(camel)
}

/// The member `name`, an object, in camel case.
pub(in super::super) fn inner<'a, 'p>(
    object: &mut Object<'a, '_>,
    name: &'p str,
    at: &'p Path<'p>,
) -> Result<Option<Object<'a, 'p>>, Fault> {
    object.take(name).map(|node| self::object(node, Path::Member(at, name))).transpose()
}

/// `inline_data` → `inlineData`; `None`: nothing to change.
pub(in super::super) fn camel(name: &str) -> Option<String> {
    if name.starts_with('_') || !name.contains('_') {
        return None;
    }
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    Some(camel)
}

/// The items of the list `name`; one that is no list counts as a list of it.
pub(in super::super) fn each<'a>(object: &mut Object<'a, '_>, name: &str) -> Vec<Node<'a>> {
    match object.take(name) {
        None => Vec::new(),
        Some(Node { tree: Tree::Array(items), .. }) => items,
        Some(one) => vec![one],
    }
}

/// A whole number.
pub(super) fn integer(object: &mut Object<'_, '_>, name: &str) -> Result<Option<i64>, Fault> {
    let Some(node) = object.take(name) else { return Ok(None) };
    let text = node.as_str().unwrap_or(node.raw);
    let number = text.parse().ok().or_else(|| whole(text.parse().ok()?));
    number.map(Some).ok_or_else(|| object.wrong(name, "a whole number"))
}

/// A whole number that is not negative.
pub(in super::super) fn count(object: &mut Object<'_, '_>, name: &str) -> Result<Option<u64>, Fault> {
    match integer(object, name)? {
        None => Ok(None),
        Some(number) => {
            u64::try_from(number).map(Some).map_err(|_| object.wrong(name, "a whole number, not negative"))
        }
    }
}

/// A number.
pub(super) fn float(object: &mut Object<'_, '_>, name: &str) -> Result<Option<f64>, Fault> {
    let Some(node) = object.take(name) else { return Ok(None) };
    let number = node.as_str().unwrap_or(node.raw).parse().ok().filter(|number: &f64| number.is_finite());
    number.map(Some).ok_or_else(|| object.wrong(name, "a number"))
}

/// `40.0` is 40.
fn whole(number: f64) -> Option<i64> {
    // Up to 2^53 each whole number has a double of its own.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// Bytes, in standard base64 with padding.
pub(in super::super) fn bytes(text: Cow<'_, str>, at: &Path<'_>) -> Result<String, Fault> {
    standard(text).ok_or_else(|| typed(at, "base64"))
}

/// Base64 of either alphabet, with padding or without, in the standard alphabet with padding.
pub(super) fn standard(text: Cow<'_, str>) -> Option<String> {
    let (body, padding) = match text.as_bytes() {
        [body @ .., b'=', b'='] => (body, 2),
        [body @ .., b'='] => (body, 1),
        body => (body, 0),
    };
    let (mut plain, mut other) = (true, false);
    for byte in body {
        plain &= byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        other |= matches!(byte, b'-' | b'_');
    }
    let wanted = match body.len() % 4 {
        0 => 0,
        2 => 2,
        3 => 1,
        _ => return None,
    };
    if !plain || (padding != 0 && padding != wanted) {
        return None;
    }
    if !other && padding == wanted {
        return Some(text.into_owned());
    }
    let mut standard: String = text[..body.len()]
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    standard.extend(std::iter::repeat_n('=', wanted));
    Some(standard)
}

/// A `thoughtSignature`, in the canonical form. What another vendor signed is in there as bytes, beginning with that
/// dialect's name.
pub(super) fn read_signature(wire: String) -> Option<String> {
    if wire == UNSIGNED || wire.is_empty() {
        return None;
    }
    let foreign = standard(Cow::Borrowed(&wire))
        .and_then(|wire| STANDARD.decode(wire).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| signature::is_marked(text));
    Some(foreign.unwrap_or_else(|| signature::read(NAME, &wire)))
}

/// A signature for a caller: the API says that it is bytes, and libraries decode it.
pub(super) fn caller_signature(canonical: &str) -> String {
    match signature::to_provider(NAME, canonical) {
        Some(own) => own.to_owned(),
        None => STANDARD.encode(canonical),
    }
}

/// A word of an enumeration, as it is written in the schema.
pub(in super::super) fn word(object: &mut Object<'_, '_>, name: &str) -> Result<Option<String>, Fault> {
    Ok(object.string(name)?.map(|word| word.to_ascii_uppercase()))
}

/// The string that has to be at `at`.
pub(in super::super) fn text<'a>(node: Node<'a>, at: &Path<'_>) -> Result<Cow<'a, str>, Fault> {
    match node.tree {
        Tree::String(text) => Ok(text),
        _ => Err(typed(at, "a string")),
    }
}

/// `ai_request_invalid`; the path comes first.
pub(in super::super) fn refuse(at: &Path<'_>, words: &str) -> Fault {
    invalid(format!("member `{at}` {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tree;

    #[test]
    fn both_spellings() {
        assert_eq!(camel("function_calling_config").as_deref(), Some("functionCallingConfig"));
        assert_eq!((camel("topK"), camel("_x")), (None, None));
        let object = tree::read(br#"{"topK":1,"top_k":2}"#).unwrap();
        let fault = object.respelled(camel).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "ai_request_ambiguous: member `topK` is there in two spellings; send one of them"
        );
    }

    #[test]
    fn numbers_as_protobuf_has_them() {
        let mut object = tree::read(
            br#"{"a":40.0,"b":"7","c":-1,"d":1.5,"e":"x","f":1e300,"g":"0.5","h":1e999,"i":true}"#,
        )
        .unwrap();
        assert_eq!(count(&mut object, "a").unwrap(), Some(40));
        assert_eq!(count(&mut object, "b").unwrap(), Some(7));
        assert_eq!(
            count(&mut object, "c").unwrap_err().public_detail(),
            "member `c` must be a whole number, not negative"
        );
        for name in ["d", "e", "f"] {
            assert!(integer(&mut object, name).is_err(), "{name}");
        }
        assert_eq!(float(&mut object, "g").unwrap(), Some(0.5));
        assert!(float(&mut object, "h").is_err() && float(&mut object, "i").is_err());
        assert_eq!(float(&mut object, "j").unwrap(), None);
    }

    #[test]
    fn base64_of_either_alphabet() {
        for (wire, expected) in [
            ("", Some("")),
            ("-_8", Some("+/8=")),
            ("-_8=", Some("+/8=")),
            ("+/8=", Some("+/8=")),
            ("AA", Some("AA==")),
            ("AAAA", Some("AAAA")),
            ("A", None),
            ("AA=", None),
            ("A===", None),
            ("AA A", None),
            ("é", None),
        ] {
            assert_eq!(standard(Cow::Borrowed(wire)).as_deref(), expected, "{wire}");
        }
    }

    #[test]
    fn signatures_of_other_vendors_come_back() {
        let own = read_signature("CiQB-_8=".to_owned()).unwrap();
        assert_eq!(own, "gemini:CiQB-_8=");
        assert_eq!(caller_signature(&own), "CiQB-_8=");
        let foreign = "anthropic:EqQB/+==";
        let shown = caller_signature(foreign);
        assert!(standard(Cow::Borrowed(&shown)).is_some(), "libraries decode it");
        assert_eq!(read_signature(shown).as_deref(), Some(foreign));
        assert_eq!(read_signature(UNSIGNED.to_owned()), None);
    }
}
