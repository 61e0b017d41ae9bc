//! The values that go into statements and come out of rows, the same on both databases.
//!
//! Not here: how a driver spells them (`sql.rs`).

use crate::Error;
use portcullis_model::{
    ApiKeyId, ApplicationId, AuditId, Name, OperatorId, RequestId, TeamId, TenantId, Timestamp, UserId,
};
use serde::{Serialize, de::DeserializeOwned};
use std::borrow::Cow;
use uuid::Uuid;

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// No value. PostgreSQL must be told of which type. (No column of JSON is without a value.)
    Null(Kind),
    /// 16 bytes on SQLite, `uuid` on PostgreSQL.
    Uuid(Uuid),
    /// A 64-bit integer; also a [`Timestamp`], in microseconds.
    Int(i64),
    /// 0 or 1 on SQLite.
    Bool(bool),
    /// Text without NUL, which PostgreSQL cannot store.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// JSON text, kept as it was written.
    Json(Cow<'a, str>),
}

/// The type of a [`Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`Value::Uuid`].
    Uuid,
    /// See [`Value::Int`].
    Int,
    /// See [`Value::Bool`].
    Bool,
    /// See [`Value::Text`].
    Text,
    /// See [`Value::Bytes`].
    Bytes,
}

/// A Rust type that is a column's value.
pub trait Field<'a>: Into<Value<'a>> {
    /// Its type, for when there is none.
    const KIND: Kind;
}

impl<'a, T: Field<'a>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null(T::KIND), Into::into)
    }
}

macro_rules! field {
    ($($kind:ident $type:ty: $value:ident => $to:expr;)+) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                Value::$kind($to)
            }
        }
        impl<'a> Field<'a> for $type {
            const KIND: Kind = Kind::$kind;
        }
    )+};
}

field! {
    Uuid Uuid: v => v;
    Uuid TenantId: v => v.0;
    Uuid UserId: v => v.0;
    Uuid TeamId: v => v.0;
    Uuid ApplicationId: v => v.0;
    Uuid ApiKeyId: v => v.0;
    Uuid RequestId: v => v.0;
    Uuid AuditId: v => v.0;
    Uuid OperatorId: v => v.0;
    Int i64: v => v;
    Int u32: v => i64::from(v);
    Int Timestamp: v => v.micros();
    Bool bool: v => v;
    Text &'a str: v => Cow::Borrowed(v);
    Text &'a String: v => Cow::Borrowed(v.as_str());
    Text &'a Name: v => Cow::Borrowed(v.as_str());
    Text String: v => Cow::Owned(v);
    Bytes &'a [u8]: v => Cow::Borrowed(v);
    Bytes &'a Vec<u8>: v => Cow::Borrowed(v.as_slice());
}

/// `value` as a JSON column.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Value<'static>, Error> {
    serde_json::to_string(value)
        .map(|text| Value::Json(Cow::Owned(text)))
        .map_err(|error| Error::Invalid { what: "a JSON column", reason: error.to_string() })
}

/// A type that is read from a column.
pub trait Column: Sized {
    /// The column's value as this type; else what it is instead.
    fn read(value: Value<'static>) -> Result<Self, Value<'static>>;
}

impl<T: Column> Column for Option<T> {
    fn read(value: Value<'static>) -> Result<Self, Value<'static>> {
        if matches!(value, Value::Null(_)) { Ok(None) } else { T::read(value).map(Some) }
    }
}

macro_rules! column {
    ($($type:ty: $($pattern:pat $(if $guard:expr)? => $to:expr),+;)+) => {$(
        impl Column for $type {
            fn read(value: Value<'static>) -> Result<Self, Value<'static>> {
                match value {
                    $($pattern $(if $guard)? => Ok($to),)+
                    other => Err(other),
                }
            }
        }
    )+};
}

column! {
    Uuid: Value::Uuid(v) => v, Value::Bytes(Cow::Owned(ref v)) if v.len() == 16 => Uuid::from_slice(v).unwrap_or_default();
    i64: Value::Int(v) => v;
    Timestamp: Value::Int(v) => Timestamp::from_micros(v);
    bool: Value::Bool(v) => v, Value::Int(0) => false, Value::Int(1) => true;
    String: Value::Text(v) => v.into_owned();
    Vec<u8>: Value::Bytes(v) => v.into_owned();
}

macro_rules! id_columns {
    ($($type:ident)+) => {$(
        impl Column for $type {
            fn read(value: Value<'static>) -> Result<Self, Value<'static>> {
                Uuid::read(value).map($type)
            }
        }
    )+};
}

id_columns!(TenantId UserId TeamId ApplicationId ApiKeyId RequestId AuditId OperatorId);

/// One row of an answer; its columns are taken in the order in which the statement names them.
#[derive(Debug)]
pub struct Row {
    values: std::vec::IntoIter<Value<'static>>,
    taken: usize,
}

impl Row {
    pub(crate) fn new(values: Vec<Value<'static>>) -> Self {
        Self { values: values.into_iter(), taken: 0 }
    }

    fn value(&mut self) -> Result<Value<'static>, Error> {
        self.taken += 1;
        self.values
            .next()
            .ok_or_else(|| Error::Corrupt(format!("a row has fewer than {} columns", self.taken)))
    }

    fn wrong(&self, found: &str, wanted: &str) -> Error {
        // The value itself is not shown: it may be personal, or the hash of a secret.
        Error::Corrupt(format!("column {} of a row is {found} where {wanted} should be", self.taken))
    }

    /// The next column.
    pub(crate) fn take<T: Column>(&mut self) -> Result<T, Error> {
        let value = self.value()?;
        T::read(value).map_err(|found| self.wrong(found.kind_name(), std::any::type_name::<T>()))
    }

    /// The next column, whose text is a word of `T`.
    pub(crate) fn parse<T: std::str::FromStr>(&mut self) -> Result<T, Error> {
        let text: String = self.take()?;
        text.parse().map_err(|_| self.wrong("unreadable text", std::any::type_name::<T>()))
    }

    /// The next column, whose JSON is a `T`.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        match self.value()? {
            Value::Json(text) | Value::Text(text) => serde_json::from_str(&text)
                .map_err(|_| self.wrong("unreadable JSON", std::any::type_name::<T>())),
            other => Err(self.wrong(other.kind_name(), "JSON")),
        }
    }
}

impl Value<'_> {
    fn kind_name(&self) -> &'static str {
        match self {
            Self::Null(_) => "null",
            Self::Uuid(_) => "a uuid",
            Self::Int(_) => "an integer",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Json(_) => "JSON",
        }
    }
}
