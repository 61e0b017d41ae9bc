//! Every way in which `portcullis_jose` fails has a stable name of its own and a code with a page.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use portcullis_fault::{Code, codes};
use portcullis_identity::Catalogued;
use portcullis_jose::claims::{Refused, SubjectFault};
use portcullis_jose::jwa::{Enc, KeyManagement, UnknownAlgorithm};
use portcullis_jose::jwe::{self, DecryptError, EncryptError, NestedError, NestedSealError};
use portcullis_jose::jwk::{ChainError, NoteKind};
use portcullis_jose::jws::{Part, Policy, PolicyError, SignError};
use portcullis_jose::jwt::TimeFault;
use portcullis_jose::{
    Alg, AlgError, Algs, Base64Error, JsonError, JsonErrorKind, KeyError, Kind, ParseError, SignatureError,
    Violation,
};

/// An example of every variant. One that is left out does not compile, nor does one that is there twice go unseen.
macro_rules! every {
    ($($variant:pat => $sample:expr),+ $(,)?) => {{
        let samples = vec![$($sample),+];
        samples.iter().for_each(|sample| match sample { $($variant => ()),+ });
        let mut each = samples.iter();
        $(assert!(matches!(each.next(), Some($variant)), "{} stands elsewhere", stringify!($variant));)+
        samples
    }};
}

/// What one enum says: the names of its variants, and their codes.
struct Row {
    name: &'static str,
    code: Code,
    message: String,
    /// Whether it only hands on what another enum says.
    handed_on: bool,
}

fn row(name: &'static str, error: &(impl Catalogued + ToString), handed_on: bool) -> Row {
    Row { name, code: error.code(), message: error.to_string(), handed_on }
}

fn base64() -> Vec<Base64Error> {
    every! {
        Base64Error::Padding(_) => Base64Error::Padding(0),
        Base64Error::StandardAlphabet(_) => Base64Error::StandardAlphabet(0),
        Base64Error::WhiteSpace(_) => Base64Error::WhiteSpace(0),
        Base64Error::Character(_) => Base64Error::Character(0),
        Base64Error::Length(_) => Base64Error::Length(0),
        Base64Error::TrailingBits(_) => Base64Error::TrailingBits(0),
    }
}

fn json() -> Vec<JsonError> {
    let kinds = every! {
        JsonErrorKind::Utf8 => JsonErrorKind::Utf8,
        JsonErrorKind::End => JsonErrorKind::End,
        JsonErrorKind::Character => JsonErrorKind::Character,
        JsonErrorKind::Trailing => JsonErrorKind::Trailing,
        JsonErrorKind::String => JsonErrorKind::String,
        JsonErrorKind::Number => JsonErrorKind::Number,
        JsonErrorKind::Duplicate => JsonErrorKind::Duplicate,
        JsonErrorKind::Depth => JsonErrorKind::Depth,
        JsonErrorKind::Members => JsonErrorKind::Members,
        JsonErrorKind::Size => JsonErrorKind::Size,
    };
    kinds.into_iter().map(|kind| JsonError { kind, at: 3 }).collect()
}

const BASE64: Base64Error = Base64Error::Padding(0);
const JSON: JsonError = JsonError { kind: JsonErrorKind::End, at: 0 };

fn parse() -> Vec<ParseError> {
    use ParseError as E;
    every! {
        E::TooLarge { .. } => E::TooLarge { len: 2, limit: 1 },
        E::Empty => E::Empty,
        E::Parts(_) => E::Parts(2),
        E::Encrypted => E::Encrypted,
        E::EmptyPart(_) => E::EmptyPart(Part::Header),
        E::Base64 { .. } => E::Base64 { part: Part::Header, error: BASE64 },
        E::Json { .. } => E::Json { part: Part::Header, error: JSON },
        E::NotAnObject { .. } => E::NotAnObject { part: Part::Payload, found: Kind::Array },
        E::AlgMissing => E::AlgMissing,
        E::ParameterType { .. } => E::ParameterType { name: "kid", expected: "a string", found: Kind::Null },
        E::KidTooLong { .. } => E::KidTooLong { len: 1000 },
        E::CritMalformed => E::CritMalformed,
        E::CritUnknown(_) => E::CritUnknown("exp".into()),
        E::UnencodedPayload => E::UnencodedPayload,
        E::UnencodedMalformed => E::UnencodedMalformed,
        E::Member { .. } => E::Member { name: "payload", expected: "a string", found: Kind::Null },
        E::Mixed => E::Mixed,
        E::TooManySignatures { .. } => E::TooManySignatures { found: 17, limit: 16 },
        E::ParameterTwice(_) => E::ParameterTwice("kid".into()),
        E::Unprotected(_) => E::Unprotected("crit"),
        E::PayloadMissing => E::PayloadMissing,
        E::PayloadTwice => E::PayloadTwice,
    }
}

fn alg() -> Vec<AlgError> {
    every! {
        AlgError::None => AlgError::None,
        AlgError::Unknown(_) => AlgError::Unknown("XS256".into()),
    }
}

fn signature() -> Vec<SignatureError> {
    use SignatureError as E;
    every! {
        E::Alg(_) => E::Alg(AlgError::None),
        E::NotAllowed { .. } => E::NotAllowed { alg: Alg::HS256, allowed: Algs::asymmetric() },
        E::KeyMismatch { .. } => E::KeyMismatch { alg: Alg::HS256, accepts: Alg::RS256.into() },
        E::Length { .. } => E::Length { expected: 64, found: 70 },
        E::Mismatch => E::Mismatch,
    }
}

fn violation() -> Vec<Violation> {
    use Violation as V;
    every! {
        V::Algorithm { .. } => V::Algorithm { allowed: Algs::asymmetric(), presented: "HS256".into() },
        V::IssuerMissing { .. } => V::IssuerMissing { expected: "a".into() },
        V::IssuerMalformed { .. } => V::IssuerMalformed { found: Kind::Null },
        V::Issuer { .. } => V::Issuer { expected: "a".into(), presented: "b".into() },
        V::TimeMissing { .. } => V::TimeMissing { claim: "exp" },
        V::TimeMalformed { .. } => V::TimeMalformed { claim: "exp", fault: TimeFault::Negative },
        V::Expired { .. } => V::Expired { exp: 1, now: 2, leeway: 0 },
        V::NotYetValid { .. } => V::NotYetValid { nbf: 2, now: 1, leeway: 0 },
        V::IssuedInFuture { .. } => V::IssuedInFuture { iat: 2, now: 1, leeway: 0 },
        V::TooOld { .. } => V::TooOld { iat: 1, now: 3, max_age: 1 },
        V::AudienceMissing { .. } => V::AudienceMissing { claim: "aud".into(), expected: vec!["a".into()] },
        V::AudienceMalformed { .. } => V::AudienceMalformed { claim: "aud".into(), found: Kind::Number },
        V::Audience { .. } => V::Audience { claim: "aud".into(), expected: vec![], presented: vec![] },
        V::Type { .. } => V::Type { expected: vec![], presented: None },
        V::ClaimMissing { .. } => V::ClaimMissing { claim: "jti".into() },
        V::Subject { .. } => V::Subject { fault: SubjectFault::Is(Kind::Number) },
    }
}

/// The reasons behind some violations.
fn faults() -> (Vec<TimeFault>, Vec<SubjectFault>) {
    let times = every! {
        TimeFault::NotANumber(_) => TimeFault::NotANumber(Kind::String),
        TimeFault::Negative => TimeFault::Negative,
        TimeFault::TooLarge => TimeFault::TooLarge,
    };
    let subjects = every! {
        SubjectFault::Missing => SubjectFault::Missing,
        SubjectFault::Empty => SubjectFault::Empty,
        SubjectFault::Is(_) => SubjectFault::Is(Kind::Null),
    };
    (times, subjects)
}

fn refused() -> Vec<Refused> {
    every! {
        Refused::Shape(_) => Refused::Shape(ParseError::Empty),
        Refused::Issuer => Refused::Issuer,
        Refused::Key => Refused::Key,
        Refused::Signature(_) => Refused::Signature(SignatureError::Mismatch),
        Refused::Claims(_) => Refused::Claims(violation()),
    }
}

fn encrypted() -> Vec<jwe::ParseError> {
    use jwe::ParseError as E;
    every! {
        E::TooLarge { .. } => E::TooLarge { len: 2, limit: 1 },
        E::Empty => E::Empty,
        E::Parts(_) => E::Parts(4),
        E::Signed => E::Signed,
        E::EmptyPart(_) => E::EmptyPart(jwe::Part::Header),
        E::Base64 { .. } => E::Base64 { part: jwe::Part::Tag, error: BASE64 },
        E::Json { .. } => E::Json { part: jwe::Part::Header, error: JSON },
        E::NotAnObject { .. } => E::NotAnObject { part: jwe::Part::Header, found: Kind::Array },
        E::Member { .. } => E::Member { name: "iv", expected: "a string", found: None },
        E::Mixed => E::Mixed,
        E::TooManyRecipients { .. } => E::TooManyRecipients { found: 17, limit: 16 },
        E::ParameterTwice(_) => E::ParameterTwice("alg".into()),
        E::Unprotected(_) => E::Unprotected("zip"),
        E::ParameterMissing(_) => E::ParameterMissing("epk"),
        E::ParameterType { .. } => E::ParameterType { name: "p2c", expected: "a number", found: Kind::String },
        E::ParameterMalformed(_) => E::ParameterMalformed("epk"),
        E::ZipUnknown(_) => E::ZipUnknown("GZ".into()),
        E::Crit(_) => E::Crit(ParseError::CritMalformed),
        E::Length { .. } => E::Length { part: jwe::Part::Iv, expected: 12, found: 16 },
        E::EncryptedKey { .. } => E::EncryptedKey { alg: KeyManagement::Dir, found: true },
        E::Recipients(_) => E::Recipients("enc"),
    }
}

fn decrypt() -> Vec<DecryptError> {
    use DecryptError as E;
    every! {
        E::Parse(_) => E::Parse(jwe::ParseError::Empty),
        E::Unknown(_) => E::Unknown(UnknownAlgorithm("X".into())),
        E::AlgNotAllowed(_) => E::AlgNotAllowed(KeyManagement::RSA1_5),
        E::EncNotAllowed(_) => E::EncNotAllowed(Enc::A128GCM),
        E::KeyMismatch(_) => E::KeyMismatch(KeyManagement::Dir),
        E::Iterations { .. } => E::Iterations { found: 1, least: 1000, most: 2000 },
        E::Failed => E::Failed,
        E::ContentTooLarge(_) => E::ContentTooLarge(1),
        E::Compression => E::Compression,
    }
}

fn nested() -> Vec<NestedError> {
    every! {
        NestedError::Decrypt(_) => NestedError::Decrypt(DecryptError::Failed),
        NestedError::ContentType => NestedError::ContentType,
        NestedError::Parse(_) => NestedError::Parse(ParseError::Empty),
        NestedError::Signature(_) => NestedError::Signature(SignatureError::Mismatch),
    }
}

fn key() -> Vec<KeyError> {
    use KeyError as E;
    every! {
        E::Json(_) => E::Json(JSON),
        E::Shape { .. } => E::Shape { expected: "an object", found: Kind::Array },
        E::MemberMissing(_) => E::MemberMissing("kty"),
        E::MemberType { .. } => E::MemberType { name: "kty", expected: "a string", found: Kind::Null },
        E::Base64 { .. } => E::Base64 { name: "x", error: BASE64 },
        E::UnknownType(_) => E::UnknownType("XX".into()),
        E::UnknownCurve(_) => E::UnknownCurve("P-224".into()),
        E::UnknownAlg(_) => E::UnknownAlg("X".into()),
        E::AlgMismatch { .. } => E::AlgMismatch { alg: Alg::HS256, accepts: Alg::RS256.into() },
        E::AlgAmbiguous(_) => E::AlgAmbiguous(Algs::asymmetric()),
        E::ManagementMismatch(_) => E::ManagementMismatch(KeyManagement::Dir),
        E::ManagementAmbiguous => E::ManagementAmbiguous,
        E::OpsDuplicate => E::OpsDuplicate,
        E::NotFor(_) => E::NotFor("signing"),
        E::RsaTooSmall(_) => E::RsaTooSmall(1024),
        E::RsaTooLarge(_) => E::RsaTooLarge(16_384),
        E::RsaExponent => E::RsaExponent,
        E::RsaFactors => E::RsaFactors,
        E::Length { .. } => E::Length { name: "x", expected: 32, found: 31 },
        E::Point => E::Point,
        E::PrivateMismatch => E::PrivateMismatch,
        E::SecretTooShort { .. } => E::SecretTooShort { found: 1, needed: 32 },
        E::SecretIsKey => E::SecretIsKey,
        E::NotPrivate => E::NotPrivate,
        E::PrivateInPublicSet => E::PrivateInPublicSet,
        E::SymmetricInPublicSet => E::SymmetricInPublicSet,
        E::TooManyKeys { .. } => E::TooManyKeys { found: 300, limit: 256 },
        E::PemMissing => E::PemMissing,
        E::PemMalformed(_) => E::PemMalformed(0),
        E::PemLabel(_) => E::PemLabel("DH PARAMETERS".into()),
        E::PemEncrypted => E::PemEncrypted,
        E::Password => E::Password,
        E::EncryptionUnknown(_) => E::EncryptionUnknown("1.2".into()),
        E::Iterations(_) => E::Iterations(1),
        E::PemCount(_) => E::PemCount(2),
        E::Der(_) => E::Der("key"),
        E::Library => E::Library,
    }
}

fn chain() -> Vec<ChainError> {
    use ChainError as E;
    every! {
        E::Length(_) => E::Length(0),
        E::Malformed(_) => E::Malformed(0),
        E::Expired { .. } => E::Expired { index: 0, at: 0 },
        E::NotYetValid { .. } => E::NotYetValid { index: 0, at: 0 },
        E::Algorithm(_) => E::Algorithm(0),
        E::Order(_) => E::Order(0),
        E::NotAuthority(_) => E::NotAuthority(1),
        E::Critical { .. } => E::Critical { index: 0, oid: "1.2".into() },
        E::KeyUsage => E::KeyUsage,
        E::NoRoot => E::NoRoot,
        E::Key(_) => E::Key(KeyError::Point),
    }
}

fn sign() -> Vec<SignError> {
    every! {
        SignError::NoKey => SignError::NoKey,
        SignError::UnencodedJwt => SignError::UnencodedJwt,
        SignError::Library => SignError::Library,
    }
}

fn encrypt() -> Vec<EncryptError> {
    use EncryptError as E;
    every! {
        E::NoRecipient => E::NoRecipient,
        E::OneRecipientOnly(_) => E::OneRecipientOnly(KeyManagement::Dir),
        E::KeyMismatch(_) => E::KeyMismatch(Enc::A128GCM),
        E::AdditionalData => E::AdditionalData,
        E::Library => E::Library,
    }
}

/// What can be wrong with a token, enum by enum.
fn of_tokens() -> Vec<Vec<Row>> {
    let policy = PolicyError { policy: Policy::All, signatures: 2, signers: Vec::new(), refused: Vec::new() };
    vec![
        base64().iter().map(|e| row(e.name(), e, false)).collect(),
        json().iter().map(|e| row(e.kind.name(), e, false)).collect(),
        parse()
            .iter()
            .map(|e| row(e.name(), e, matches!(e, ParseError::Base64 { .. } | ParseError::Json { .. })))
            .collect(),
        alg().iter().map(|e| row(e.name(), e, false)).collect(),
        signature().iter().map(|e| row(e.name(), e, matches!(e, SignatureError::Alg(_)))).collect(),
        violation().iter().map(|e| row(e.name(), e, false)).collect(),
        vec![row(policy.name(), &policy, false)],
        refused().iter().map(|e| row(e.name(), e, !matches!(e, Refused::Issuer | Refused::Key))).collect(),
        encrypted()
            .iter()
            .map(|e| {
                use jwe::ParseError as E;
                row(e.name(), e, matches!(e, E::Base64 { .. } | E::Json { .. } | E::Crit(_)))
            })
            .collect(),
        decrypt().iter().map(|e| row(e.name(), e, matches!(e, DecryptError::Parse(_)))).collect(),
        nested().iter().map(|e| row(e.name(), e, !matches!(e, NestedError::ContentType))).collect(),
    ]
}

/// What can be wrong with keys, and with what is to be made.
fn of_keys() -> Vec<Vec<Row>> {
    vec![
        key()
            .iter()
            .map(|e| row(e.name(), e, matches!(e, KeyError::Json(_) | KeyError::Base64 { .. })))
            .collect(),
        chain().iter().map(|e| row(e.name(), e, matches!(e, ChainError::Key(_)))).collect(),
        sign().iter().map(|e| row(e.name(), e, false)).collect(),
        encrypt().iter().map(|e| row(e.name(), e, false)).collect(),
    ]
}

#[test]
fn every_failure_has_a_name_of_its_own_and_a_code_with_a_page() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for group in [of_tokens(), of_keys()] {
        let mut meaning: HashMap<&str, Code> = HashMap::new();
        for rows in group {
            let mut own = HashSet::new();
            for row in rows {
                let Row { name, code, message, handed_on } = row;
                assert!(handed_on || own.insert(name), "`{name}` names two variants of one enum");
                let stable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(!name.is_empty() && name.chars().all(stable), "`{name}`");
                assert!(!message.is_empty() && !message.ends_with('.'), "`{name}`: {message}");
                // One name means one thing, in whichever enum it stands.
                assert_eq!(*meaning.entry(name).or_insert(code), code, "`{name}` has two codes");
                assert!(codes::ALL.contains(&code), "`{name}`: {code}");
                for language in ["en", "zh"] {
                    let page = pages.join(format!("{code}.{language}.md"));
                    assert!(page.is_file(), "`{name}`: {} is missing", page.display());
                }
            }
        }
    }
}

#[test]
fn reasons_have_the_code_of_what_they_explain() {
    let (times, subjects) = faults();
    for fault in times {
        assert_eq!(Violation::TimeMalformed { claim: "exp", fault }.code(), fault.code());
    }
    for fault in subjects {
        assert_eq!(Violation::Subject { fault }.code(), fault.code());
    }
    let sub = Violation::ClaimMissing { claim: "sub".into() };
    assert_eq!(sub.code(), codes::SUBJECT_MISSING, "never an unknown user");
    for error in key() {
        assert_eq!(NoteKind::Skipped(error.clone()).code(), error.code());
        assert_eq!(ChainError::Key(error.clone()).code(), error.code());
    }
    for error in signature() {
        assert_eq!(Refused::Signature(error.clone()).code(), error.code());
        assert_eq!(NestedError::Signature(error.clone()).code(), error.code());
    }
    for error in sign() {
        assert_eq!(NestedSealError::Sign(error).code(), error.code());
    }
    for error in encrypt() {
        assert_eq!(NestedSealError::Encrypt(error).code(), error.code());
    }
    assert_eq!(NoteKind::DuplicateKid.code(), codes::PARAMETER_INVALID);
}

#[test]
fn nothing_that_a_token_can_do_is_the_gateways_fault() {
    for row in of_tokens().into_iter().flatten() {
        assert!((400..500).contains(&row.code.status()), "{}: {}", row.name, row.code);
    }
}
