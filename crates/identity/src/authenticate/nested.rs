//! Tokens that are signed and then encrypted (RFC 7519 §11.2): taken out of their encryption, exactly one layer of it.
//!
//! Encryption says nothing about who sent a token, because the public key is everybody's: what comes out is as
//! unverified as any token, and goes the same way. What the header alone forbids is refused before a private key is
//! touched; from there on every failure is one and the same, so that nobody learns from the answers what is inside
//! (RFC 8725 §3.2, RFC 7516 §11.5).

use super::{facts, jwt};
use crate::catalogue::Catalogued;
use crate::decryption::accepted;
use crate::identity::Identity;
use crate::observe::{Fact, Observer};
use portcullis_fault::{Fault, codes};
use portcullis_jose::jwe::{Encrypted, NestedError, says_token};
use portcullis_jose::{ParseError, Unverified, jws};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A token that came out of its encryption. Nobody vouches for it yet.
pub(super) struct Opened {
    content: Zeroizing<Vec<u8>>,
    /// The thumbprint of the key that opened it.
    pub key: [u8; 32],
    /// The header of the encryption, as far as records keep it.
    pub encryption: Option<String>,
}

impl Opened {
    /// The token inside.
    ///
    /// # Errors
    /// There is none: bare claims, another layer of encryption, or anything else. Whoever made it knows what is in it, so
    /// saying so tells nobody anything.
    pub fn inner(&self) -> Result<Unverified<'_>, Fault> {
        Unverified::parse_bytes(&self.content, jws::DEFAULT_LIMIT).map_err(|error| {
            let fault = |what: String| Fault::new(codes::TOKEN_MALFORMED).detail(what);
            match error {
                _ if self.content.trim_ascii_start().starts_with(b"{") => fault(
                    "the encrypted token has claims in it and no signed token: encryption says nothing about who sent it; sign, then encrypt"
                        .to_owned(),
                ),
                ParseError::Encrypted => {
                    fault("the encrypted token has another encrypted one in it; one layer is opened".to_owned())
                }
                error => Fault::new(error.code()).detail(format!("in the encrypted token: {error}")),
            }
        })
    }
}

impl Identity {
    /// Opens an encrypted token with one of the keys that issuers are configured with. `digest` is that of the whole.
    pub(super) async fn open_token<O: Observer>(
        &self,
        text: &str,
        digest: &[u8; 32],
        observer: &mut O,
    ) -> Result<Opened, Fault> {
        let openers = self.openers();
        if openers.is_empty() {
            return Err(jwt::malformed(ParseError::Encrypted));
        }
        let message = Encrypted::parse(text.as_bytes(), jws::DEFAULT_LIMIT)
            .map_err(|error| Fault::new(error.code()).detail(error.to_string()))?;
        let facts = Arc::new(facts::of_encrypted(&message, digest));
        observer.note(Fact::Token(&facts));
        // The compact form has one recipient.
        let Some(header) = message.headers().next() else {
            return Err(jwt::malformed(ParseError::Encrypted));
        };
        let accepted = accepted();
        let (alg, enc) =
            accepted.check(header).map_err(|error| Fault::new(error.code()).detail(error.to_string()))?;
        if header.is_compressed() {
            // How well something compresses tells about what it is made of, and little becomes much (RFC 8725 §3.6).
            return Err(Fault::new(codes::ALGORITHM_NOT_ALLOWED)
                .detail("the encrypted token is compressed (`zip`), which is not accepted here"));
        }
        if !says_token(header.cty()) {
            let error = NestedError::ContentType;
            return Err(Fault::new(error.code()).detail(error.to_string()));
        }
        let candidates = openers.candidates(header);
        let kid = header.kid().unwrap_or("none").escape_debug().to_string();
        let tried = candidates.len();
        let open = match tried {
            0 => None,
            _ if candidates.are_slow() => {
                self.runtime().operations().run(move || candidates.open(&accepted, &message)).await?
            }
            _ => candidates.open(&accepted, &message),
        };
        let Some(open) = open else {
            self.runtime().token_counts().unopened.increment(1);
            return Err(Fault::new(codes::TOKEN_ENCRYPTED).context(format!(
                "`alg` `{alg}`, `enc` `{enc}`, `kid` `{kid}`: none of {tried} keys opens it"
            )));
        };
        self.runtime().token_counts().opened.increment(1);
        observer.note(Fact::Opened { kid: open.kid.as_deref(), alg, enc });
        Ok(Opened {
            content: open.decrypted.into_content(),
            key: open.key,
            encryption: facts.encryption.clone(),
        })
    }
}
