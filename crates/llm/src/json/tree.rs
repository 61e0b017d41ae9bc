//! A whole document as a tree over its bytes, for what is to be translated: strings borrow where they can, each value
//! keeps its own text (arguments and schemas go on as they were written), and members keep their order.
//!
//! As strict as [`strict`](super::strict), and no object may have a member twice: which of the two counts is up to each
//! parser, and a guard before us might have seen the other one.

use super::strict::{Cursor, Error, MAX_DEPTH, What};
use portcullis_fault::{Fault, codes};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// A value and its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'a> {
    /// As written, without white space around it.
    pub(crate) raw: &'a str,
    /// What it is.
    pub(crate) tree: Tree<'a>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree<'a> {
    Null,
    Bool(bool),
    /// Its text is in [`Node::raw`].
    Number,
    /// Escapes decoded.
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    /// No name is there twice.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Reads a request's body, which must be an object. `ai_request_invalid` with the byte, for what is no JSON or too deep;
/// `ai_request_ambiguous` for a member that is there twice.
pub(crate) fn read(body: &[u8]) -> Result<Object<'_, 'static>, Fault> {
    let node = document(body).map_err(|wrong| refused(wrong, 0))?;
    match node.tree {
        Tree::Object(members) => Ok(Object::new(members, Path::Root)),
        _ => Err(invalid("the body must be a JSON object")),
    }
}

/// Reads one member of a body's, with its name, that stands there without white space around it. Faults as [`read`]'s.
pub(crate) fn member(body: &[u8], at: Range<usize>) -> Result<(Cow<'_, str>, Node<'_>), Fault> {
    let start = at.start;
    named(&body[at]).map_err(|wrong| refused(wrong, start))
}

fn named(bytes: &[u8]) -> Result<(Cow<'_, str>, Node<'_>), Wrong> {
    let mut cursor = Cursor::new(bytes)?;
    // `Cursor::new` checked all of it just now.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let quoted = cursor.name()?;
    let name = decoded(text, &quoted.inside, quoted.escaped);
    let node = value(&mut cursor, text, 1)?;
    cursor.end()?;
    Ok((name, node))
}

/// What is told of a body in which this is wrong behind the byte `from`.
fn refused(wrong: Wrong, from: usize) -> Fault {
    match wrong {
        Wrong::Syntax(error) => {
            invalid(format!("the body is not valid JSON: {}, at byte {}", error.what, from + error.at))
        }
        Wrong::Twice { name, at } => Fault::new(codes::AI_REQUEST_AMBIGUOUS).detail(format!(
            "member `{}` is there twice, the second time at byte {}; send it once",
            name.chars().take(64).collect::<String>(),
            from + at
        )),
    }
}

/// Why a document is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not JSON.
    Syntax(Error),
    /// A member is there twice.
    Twice {
        /// Its name.
        name: String,
        /// Where it is the second time.
        at: usize,
    },
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Syntax(error)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "{}, at byte {}", error.what, error.at),
            Self::Twice { at, .. } => write!(f, "a member is there twice, the second time at byte {at}"),
        }
    }
}

/// Reads any one value.
pub(crate) fn document(bytes: &[u8]) -> Result<Node<'_>, Wrong> {
    let mut cursor = Cursor::new(bytes)?;
    // `Cursor::new` checked all of it just now.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let node = value(&mut cursor, text, 0)?;
    cursor.end()?;
    Ok(node)
}

fn value<'a>(cursor: &mut Cursor<'a>, text: &'a str, depth: u32) -> Result<Node<'a>, Wrong> {
    let start = cursor.at();
    let tree = match cursor.peek() {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(cursor.wrong(What::Depth).into()),
        Some(b'{') => return object(cursor, text, depth),
        Some(b'[') => return array(cursor, text, depth),
        Some(b'"') => {
            let quoted = cursor.string()?;
            Tree::String(decoded(text, &quoted.inside, quoted.escaped))
        }
        first => {
            cursor.value(depth, &mut 0)?;
            match first {
                Some(b't') => Tree::Bool(true),
                Some(b'f') => Tree::Bool(false),
                Some(b'n') => Tree::Null,
                _ => Tree::Number,
            }
        }
    };
    Ok(Node { raw: &text[start..cursor.at()], tree })
}

fn object<'a>(cursor: &mut Cursor<'a>, text: &'a str, depth: u32) -> Result<Node<'a>, Wrong> {
    let start = cursor.at();
    let mut members: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
    let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
    cursor.take(b'{');
    if cursor.close(b'}') {
        return Ok(Node { raw: &text[start..cursor.at()], tree: Tree::Object(members) });
    }
    loop {
        let quoted = cursor.name()?;
        let (at, name) = (quoted.inside.start - 1, decoded(text, &quoted.inside, quoted.escaped));
        // A few are compared, many are hashed: linear in the size either way.
        let twice = if members.len() < FEW {
            members.iter().any(|(known, _)| *known == name)
        } else {
            if seen.is_empty() {
                seen.extend(members.iter().map(|(known, _)| known.clone()));
            }
            !seen.insert(name.clone())
        };
        if twice {
            return Err(Wrong::Twice { name: name.into_owned(), at });
        }
        let node = value(cursor, text, depth + 1)?;
        members.push((name, node));
        if !another(cursor, b'}')? {
            return Ok(Node { raw: &text[start..cursor.at()], tree: Tree::Object(members) });
        }
    }
}

/// Members of an object that is respelled; no format has as many.
const MANY: usize = 256;

/// Members that are compared with each other one by one.
const FEW: usize = 16;

fn array<'a>(cursor: &mut Cursor<'a>, text: &'a str, depth: u32) -> Result<Node<'a>, Wrong> {
    let start = cursor.at();
    let mut items = Vec::new();
    cursor.take(b'[');
    if cursor.close(b']') {
        return Ok(Node { raw: &text[start..cursor.at()], tree: Tree::Array(items) });
    }
    loop {
        items.push(value(cursor, text, depth + 1)?);
        if !another(cursor, b']')? {
            return Ok(Node { raw: &text[start..cursor.at()], tree: Tree::Array(items) });
        }
    }
}

/// Behind a value: whether another one follows, or its container was closed.
fn another(cursor: &mut Cursor<'_>, end: u8) -> Result<bool, Wrong> {
    cursor.space();
    if cursor.take(b',') {
        return Ok(true);
    }
    if cursor.close(end) { Ok(false) } else { Err(cursor.wrong(What::CommaOrEnd).into()) }
}

fn decoded<'a>(text: &'a str, inside: &Range<usize>, escaped: bool) -> Cow<'a, str> {
    if !escaped {
        return Cow::Borrowed(&text[inside.clone()]);
    }
    // The grammar was checked just now, surrogates included, so this reads what is there.
    Cow::Owned(serde_json::from_str(&text[inside.start - 1..inside.end + 1]).unwrap_or_default())
}

impl<'a> Node<'a> {
    /// As a value of its own. A number too large for a double is `null`.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::from_str(self.raw).unwrap_or_default()
    }

    /// Its text, if it is one.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.tree {
            Tree::String(text) => Some(text),
            _ => None,
        }
    }

    /// The member of this name, if it is an object that has it.
    pub(crate) fn member(&self, name: &str) -> Option<&Node<'a>> {
        match &self.tree {
            Tree::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The string, or a refusal that says where.
    pub(crate) fn string(self, at: &Path<'_>) -> Result<String, Fault> {
        match self.tree {
            Tree::String(text) => Ok(text.into_owned()),
            _ => Err(typed(at, "a string")),
        }
    }

    /// The items, or a refusal that says where.
    pub(crate) fn list(self, at: &Path<'_>) -> Result<Vec<Node<'a>>, Fault> {
        match self.tree {
            Tree::Array(items) => Ok(items),
            _ => Err(typed(at, "a list")),
        }
    }

    /// The object, or a refusal that says where.
    pub(crate) fn object<'p>(self, at: Path<'p>) -> Result<Object<'a, 'p>, Fault> {
        match self.tree {
            Tree::Object(members) => Ok(Object::new(members, at)),
            _ => Err(typed(&at, "an object")),
        }
    }
}

/// Where in a document, as messages have it: `messages[2].content[0].type`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Path::Root, name) => f.write_str(name),
            Self::Member(outer, name) => write!(f, "{outer}.{name}"),
            Self::Item(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

/// An object whose members are taken out one after another; what is left at the end is what we do not know.
#[derive(Debug)]
pub(crate) struct Object<'a, 'p> {
    members: Vec<(Cow<'a, str>, Option<Node<'a>>)>,
    /// Where it is.
    pub(crate) at: Path<'p>,
}

impl<'a, 'p> Object<'a, 'p> {
    fn new(members: Vec<(Cow<'a, str>, Node<'a>)>, at: Path<'p>) -> Self {
        Self { members: members.into_iter().map(|(name, node)| (name, Some(node))).collect(), at }
    }

    /// The member of this name; `null` is as good as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'a>> {
        let (_, node) = self.members.iter_mut().find(|(known, _)| known == name)?;
        node.take().filter(|node| node.tree != Tree::Null)
    }

    /// With the names as `spell` has them, for formats that take a name in two spellings; `None`: as it is. Both
    /// spellings in one object are refused.
    pub(crate) fn respelled(mut self, spell: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let other = self.members.iter().enumerate();
        let other: Vec<_> =
            other.filter_map(|(index, (name, _))| Some((index, spell(name)?))).take(MANY + 1).collect();
        if other.len() > MANY {
            return Err(invalid(format!("member `{}` has more than {MANY} members to spell", self.at)));
        }
        for (index, name) in other {
            if self.members.iter().any(|(known, _)| *known == name) {
                return Err(Fault::new(codes::AI_REQUEST_AMBIGUOUS).detail(format!(
                    "member `{}` is there in two spellings; send one of them",
                    Path::Member(&self.at, &name)
                )));
            }
            self.members[index].0 = Cow::Owned(name);
        }
        Ok(self)
    }

    /// A string.
    pub(crate) fn string(&mut self, name: &str) -> Result<Option<String>, Fault> {
        self.take(name).map(|node| node.string(&Path::Member(&self.at, name))).transpose()
    }

    /// A string that must be there.
    pub(crate) fn need_string(&mut self, name: &str) -> Result<String, Fault> {
        self.string(name)?.ok_or_else(|| self.missing(name))
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.take(name).map(|node| node.tree) {
            None => Ok(None),
            Some(Tree::Bool(on)) => Ok(Some(on)),
            Some(_) => Err(typed(&Path::Member(&self.at, name), "true or false")),
        }
    }

    /// A number.
    pub(crate) fn float(&mut self, name: &str) -> Result<Option<f64>, Fault> {
        self.number(name, "a number").map(|number| number.filter(|number: &f64| number.is_finite()))
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u64>, Fault> {
        self.number(name, "a whole number, not negative")
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        self.number(name, "a whole number")
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str, wanted: &str) -> Result<Option<T>, Fault> {
        let Some(node) = self.take(name) else { return Ok(None) };
        let number = if node.tree == Tree::Number { node.raw.parse().ok() } else { None };
        number.map(Some).ok_or_else(|| typed(&Path::Member(&self.at, name), wanted))
    }

    /// A list.
    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Node<'a>>>, Fault> {
        self.take(name).map(|node| node.list(&Path::Member(&self.at, name))).transpose()
    }

    /// A list of strings.
    pub(crate) fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, Fault> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let at = Path::Member(&self.at, name);
        let strings = items.into_iter().enumerate().map(|(index, item)| item.string(&Path::Item(&at, index)));
        strings.collect::<Result<_, _>>().map(Some)
    }

    /// Any value, of any kind but `null`.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.take(name).map(|node| node.to_value())
    }

    /// Names and values of what nobody took; `null`s aside.
    pub(crate) fn rest(self) -> impl Iterator<Item = (Cow<'a, str>, Node<'a>)> {
        self.members
            .into_iter()
            .filter_map(|(name, node)| Some((name, node?)))
            .filter(|(_, node)| node.tree != Tree::Null)
    }

    /// A refusal: the member must be there.
    pub(crate) fn missing(&self, name: &str) -> Fault {
        invalid(format!("member `{}` is missing", Path::Member(&self.at, name)))
    }

    /// A refusal: the member must be something else.
    pub(crate) fn wrong(&self, name: &str, wanted: &str) -> Fault {
        typed(&Path::Member(&self.at, name), wanted)
    }
}

/// A refusal: what is at `at` must be `wanted`.
pub(crate) fn typed(at: &Path<'_>, wanted: &str) -> Fault {
    invalid(format!("member `{at}` must be {wanted}"))
}

/// `ai_request_invalid`.
pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault::new(codes::AI_REQUEST_INVALID).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(body: &str) -> String {
        let fault = read(body.as_bytes()).expect_err(body);
        format!("{}: {}", fault.code(), fault.public_detail())
    }

    #[test]
    fn members_are_taken_and_the_rest_is_told() {
        let mut object = read(
            br#" { "a" : "\u0041\n" , "b":[ 1e2 , {"c" : null} ] , "n":null,"x":{ "y" : 1.0 } ,"z":{}} "#,
        )
        .unwrap();
        assert_eq!(object.string("a").unwrap().as_deref(), Some("A\n"));
        assert!(object.take("n").is_none() && object.take("missing").is_none());
        let list = object.list("b").unwrap().unwrap();
        assert_eq!(list.iter().map(|node| node.raw).collect::<Vec<_>>(), ["1e2", r#"{"c" : null}"#]);
        let rest: Vec<_> = object.rest().map(|(name, node)| format!("{name}={}", node.raw)).collect();
        assert_eq!(rest, [r#"x={ "y" : 1.0 }"#, "z={}"]);
    }

    #[test]
    fn refusals_say_where() {
        assert_eq!(refused("[1]"), "ai_request_invalid: the body must be a JSON object");
        assert_eq!(
            refused(r#"{"a":{"b":1,"\u0062":2}}"#),
            "ai_request_ambiguous: member `b` is there twice, the second time at byte 12; send it once"
        );
        let many: String = (0..100).map(|i| format!("\"m{i}\":0,")).collect();
        assert!(refused(&format!("{{{many}\"m7\":1}}")).contains("`m7` is there twice"));
        assert!(refused("{\"a\":1").contains("ends too early"));
        assert!(refused(&format!("{{\"a\":{}", "[".repeat(1000))).contains("100 deep"));
        let mut object = read(br#"{"a":{"b":["x",1]},"n":-1,"t":"true"}"#).unwrap();
        assert_eq!(
            object.count("n").unwrap_err().public_detail(),
            "member `n` must be a whole number, not negative"
        );
        assert_eq!(object.boolean("t").unwrap_err().public_detail(), "member `t` must be true or false");
        let root = Path::Root;
        let mut inner = object.take("a").unwrap().object(Path::Member(&root, "a")).unwrap();
        assert_eq!(inner.strings("b").unwrap_err().public_detail(), "member `a.b[1]` must be a string");
        assert_eq!(inner.need_string("c").unwrap_err().public_detail(), "member `a.c` is missing");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(".{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same as serde_json reads, at every depth.
    fn same(node: &Node<'_>, value: &Value) {
        assert_eq!(node.to_value(), *value, "{}", node.raw);
        match (&node.tree, value) {
            (Tree::Null, Value::Null) | (Tree::Number, Value::Number(_)) => {}
            (Tree::Bool(a), Value::Bool(b)) => assert_eq!(a, b),
            (Tree::String(a), Value::String(b)) => assert_eq!(a, b),
            (Tree::Array(a), Value::Array(b)) => {
                assert_eq!(a.len(), b.len());
                a.iter().zip(b).for_each(|(a, b)| same(a, b));
            }
            (Tree::Object(a), Value::Object(b)) => {
                assert_eq!(a.len(), b.len());
                a.iter().for_each(|(name, node)| same(node, &b[&**name]));
            }
            (tree, value) => panic!("{tree:?} is not {value}"),
        }
    }

    proptest! {
        #[test]
        fn what_others_read(value in any_json(), spread in any::<bool>()) {
            let text = if spread { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.unwrap();
            same(&document(text.as_bytes()).unwrap(), &value);
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(proptest::sample::select(&b"{}[]\",:\\ua01-.e tn"[..]), 0..40)) {
            if let Ok(node) = document(&bytes) {
                same(&node, &serde_json::from_slice(&bytes).unwrap());
            }
        }
    }
}
