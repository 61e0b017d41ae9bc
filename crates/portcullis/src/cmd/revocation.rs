//! `portcullis revocation`: tokens that are refused though their signature is good.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::Done;
use crate::{output, reference};
use clap::{Args, Subcommand};
use serde_json::json;

/// Revoke tokens
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis revocation user ada --reason 'lost laptop'
      every token that Ada was given until now, by whichever issuer
  portcullis revocation subject corp 6f1c…
      everything issued to this subject until now
  portcullis revocation token corp 0a1b2c
      the token with this `jti`
  portcullis revocation digest X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE
      one token, as a record shows it in `token.digest`
  portcullis revocation issuer corp
      everything the issuer signed until now

An entry is kept until it is deleted, or forgotten at `--expires-at`: give the time at which the last
token that it concerns has expired. API keys are revoked with `portcullis key revoke`.")]
pub struct Revocation {
    #[command(subcommand)]
    verb: Verb,
    /// When the entry may be forgotten: RFC 3339; default: never
    #[arg(long, global = true)]
    expires_at: Option<String>,
    /// Why; kept with the entry and in the audit log
    #[arg(long, global = true)]
    reason: Option<String>,
    /// Take the name of an issuer that the configuration does not have: it will, later
    #[arg(long, global = true)]
    allow_unknown: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Revoke the issuer's token with this `jti`
    Token {
        /// The issuer's name in the configuration
        issuer: String,
        /// The `jti` claim
        jti: String,
    },
    /// Revoke one token by the digest of its signing input
    Digest {
        /// SHA-256, base64url
        digest: String,
    },
    /// Revoke a subject's tokens that were issued before a time
    Subject {
        /// The issuer's name in the configuration
        issuer: String,
        /// The `sub` claim
        subject: String,
        /// RFC 3339; default: now
        #[arg(long)]
        before: Option<String>,
    },
    /// Revoke a user's tokens that were issued before a time, whichever issuer's they are
    User {
        /// Id, user name or external id
        user: String,
        /// The tenant, where a user name is there in several
        #[arg(long)]
        tenant: Option<String>,
        /// RFC 3339; default: now
        #[arg(long)]
        before: Option<String>,
    },
    /// Revoke all tokens of an issuer that were issued before a time
    Issuer {
        /// The issuer's name in the configuration
        issuer: String,
        /// RFC 3339; default: now
        #[arg(long)]
        before: Option<String>,
    },
    /// List what is revoked
    List(super::Paging),
    /// Take a revocation back
    Delete {
        /// Its id
        id: String,
    },
}

const REVOCATIONS: &str = "/admin/v1/revocations";

impl Run for Revocation {
    const NAME: &'static str = "revocation";

    fn run(self, globals: &Globals) -> Done {
        super::on_client(globals, async |client: &Client| {
            let what = match self.verb {
                Verb::List(paging) => {
                    let page = client.read(REVOCATIONS, &paging.query([])).await?;
                    let columns = [
                        ("ID", "/id"),
                        ("KIND", "/what/kind"),
                        ("ISSUER", "/what/issuer"),
                        ("WHAT", "/what"),
                        ("AT", "/at"),
                        ("BY", "/actor"),
                    ];
                    return output::list(globals.output, &page, &columns);
                }
                Verb::Delete { id } => {
                    return output::show(
                        globals.output,
                        &client.delete(&super::below(REVOCATIONS, &id), &[]).await?,
                    );
                }
                Verb::Token { issuer, jti } => json!({ "kind": "token", "issuer": issuer, "jti": jti }),
                Verb::Digest { digest } => json!({ "kind": "digest", "digest": digest }),
                Verb::Subject { issuer, subject, before } => {
                    json!({ "kind": "subject", "issuer": issuer, "subject": subject, "issued_before": before })
                }
                Verb::User { user, tenant, before } => {
                    let user = reference::user(client, &user, tenant.as_deref()).await?;
                    json!({ "kind": "user", "user": user, "issued_before": before })
                }
                Verb::Issuer { issuer, before } => {
                    json!({ "kind": "issuer", "issuer": issuer, "issued_before": before })
                }
            };
            let path = super::Ahead { allow_unknown: self.allow_unknown }.at(REVOCATIONS);
            let body = json!({ "what": what, "reason": self.reason, "expires_at": self.expires_at });
            let value = client.post(&path, body).await?;
            output::show(globals.output, &value)
        })
    }
}
