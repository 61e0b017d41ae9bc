//! What a call reaches for at its provider, beyond the model: whether it may, and where it has to go for it.
//!
//! Tools that run there are checked like calls of their own: the model's list first, then policies. What lives there must be
//! the caller's own, or shared by whoever runs the gateway; and the call goes to the account in which it is.

use super::held::{Account, Held};
use super::plan::Plan;
use super::route::Target;
use super::{AiCall, Deployment, Models};
use portcullis_fault::{Fault, codes};
use portcullis_identity::{Identity, ModelPermit};
use portcullis_llm::dialect::Operation;
use portcullis_llm::dialect::request::Reach;
use portcullis_llm::dialect::request::reach::{Tool, kinds};
use portcullis_model::holding::Kind;
use portcullis_model::{Model, Timestamp};
use std::borrow::Cow;
use url::Url;

/// What calls of a model may reach for.
#[derive(Debug, Default)]
pub(crate) struct Within {
    tools: Vec<String>,
    servers: Vec<String>,
    shared: Vec<String>,
}

impl Within {
    /// What the configuration says of a model.
    pub(crate) fn of(model: &Model) -> Self {
        Self {
            tools: model.server_tools.clone(),
            servers: model.mcp_servers.iter().map(|server| server.to_ascii_lowercase()).collect(),
            shared: model.shared_ids.clone(),
        }
    }

    /// Whether all these tools may be used.
    ///
    /// # Errors
    /// `ai_tool_refused`, `policy_denied`.
    pub(super) fn tools(
        &self,
        reach: &Reach,
        permit: &ModelPermit,
        identity: &Identity,
    ) -> Result<(), Fault> {
        for tool in &reach.tools {
            if !self.tools.iter().any(|allowed| *allowed == *tool.kind) {
                return Err(refused(tool, permit, "server_tools", &tool.kind));
            }
            let place = tool.server.as_deref().map(place);
            if tool.kind == kinds::MCP {
                let known =
                    place.as_deref().is_some_and(|place| self.servers.iter().any(|one| takes(one, place)));
                if !known {
                    let shown = place.as_deref().unwrap_or("none that can be read");
                    return Err(refused(tool, permit, "mcp_servers", shown));
                }
            }
            identity.authorize_tool(permit, &tool.kind, place.as_deref())?;
        }
        Ok(())
    }

    /// Whether everybody who may use the model may use what has this id.
    pub(super) fn shares(&self, id: &str) -> bool {
        self.shared.iter().any(|shared| shared == id)
    }
}

fn refused(tool: &Tool, permit: &ModelPermit, list: &str, missing: &str) -> Fault {
    let model = permit.model();
    let what = match &tool.server {
        Some(_) => Cow::Borrowed("an MCP server that the provider calls"),
        None => Cow::Owned(format!("the tool `{}`, which runs at the provider,", tool.kind)),
    };
    let shown: String = missing.chars().take(128).collect();
    Fault::new(codes::AI_TOOL_REFUSED)
        .detail(format!(
            "{what} may not be used with this model; leave it out, or ask whoever runs the gateway"
        ))
        .context(format!("`{list}` of model `{model}` does not name: {}", shown.escape_debug()))
}

/// Where an MCP server is: its host in lower case, or a connector's name. Empty where a URL has none, which no list names.
fn place(server: &str) -> String {
    match Url::parse(server.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
        }
        Ok(_) => String::new(),
        Err(_) => server.to_ascii_lowercase(),
    }
}

/// Whether an entry of the list means this place.
fn takes(entry: &str, place: &str) -> bool {
    match entry.strip_prefix("*.") {
        Some(domain) => place.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => entry == place && !place.is_empty(),
    }
}

/// Whether a call may have what it reaches for at this model's providers, and in which account it has to be; `None`: in any.
///
/// # Errors
/// See [`Within::tools`] and [`account`].
pub(super) async fn admit(
    models: &Models<'_>,
    permit: &ModelPermit,
    target: &Target,
    call: &AiCall<'_>,
    now: Timestamp,
) -> Result<Option<Account>, Fault> {
    target.within.tools(call.reach, permit, models.identity)?;
    account(models.held, permit, target, call, now).await
}

/// Whether the caller may have what its call names, and in which account that is; `None`: it names nothing that is in one.
///
/// # Errors
/// `ai_object_not_found`: something is not the caller's. `ai_request_invalid`: it is in two accounts, or in one where the
/// model is not served. `store_unavailable`.
async fn account(
    held: &Held,
    permit: &ModelPermit,
    target: &Target,
    call: &AiCall<'_>,
    now: Timestamp,
) -> Result<Option<Account>, Fault> {
    let mut found: Option<Account> = None;
    for id in &call.reach.ids {
        if target.within.shares(&id.text) || is_untold(id.kind, target, call) {
            continue;
        }
        let holding = held.find(permit.permit(), id.kind, &id.text, now).await?;
        let account = Account {
            provider: holding.provider.clone(),
            key: holding.key,
            deployment: holding.deployment.clone(),
            model: holding.model.clone(),
            // What was read is kept as one model has read it.
            only_model: id.kind == Kind::CachedContent,
        };
        match &mut found {
            None => found = Some(account),
            Some(first) if first.is_with(&account) => {
                if account.only_model {
                    *first = account;
                }
            }
            Some(_) => {
                return Err(Fault::new(codes::AI_REQUEST_INVALID).detail(
                    "the call refers to things that live at two providers, or in two accounts of one; send it with those of one",
                ));
            }
        }
    }
    if let Some(account) = &found
        && !target.deployments.iter().any(|deployment| serves(deployment, account, call))
    {
        let detail = match account.model.as_ref().filter(|model| *model != permit.model()) {
            Some(model) => format!(
                "the call refers to something that was made with the model `{model}`; this model is not served where that lives"
            ),
            None => {
                "the call refers to something that lives where this model is not served any more".to_owned()
            }
        };
        return Err(Fault::new(codes::AI_REQUEST_INVALID).detail(detail).context(format!(
            "what it refers to is at provider `{}`, which does not serve such calls of model `{}`",
            account.provider,
            permit.model()
        )));
    }
    Ok(found)
}

/// Whether a deployment can serve a call that refers to something in an account.
pub(super) fn serves(deployment: &Deployment, account: &Account, call: &AiCall<'_>) -> bool {
    deployment.provider == account.provider
        && (!account.only_model || deployment.model.as_str() == account.deployment)
        && Plan::of(deployment, call).is_some()
}

/// Whether no provider would be told this: where nobody speaks OpenAI's Responses natively, what is kept there is refused
/// on the way into the other format, in clearer words.
fn is_untold(kind: Kind, target: &Target, call: &AiCall<'_>) -> bool {
    matches!(kind, Kind::Response | Kind::Conversation | Kind::Item | Kind::Prompt)
        && call.served.operation == Operation::Responses
        && !target
            .deployments
            .iter()
            .any(|deployment| matches!(Plan::of(deployment, call), Some(Plan::Pass(_))))
}

/// The tools that a call asked for, for its record.
pub(super) fn told(reach: &Reach) -> Option<String> {
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    for tool in &reach.tools {
        let word = match &tool.server {
            None => Cow::Borrowed(&*tool.kind),
            // Without the rest of the URL, which may hold a secret.
            Some(server) => {
                Cow::Owned(format!("{}@{}", tool.kind, place(server).chars().take(128).collect::<String>()))
            }
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_its_host_however_it_is_written() {
        for (server, is) in [
            ("https://mcp.example.com/sse", "mcp.example.com"),
            ("HTTPS://MCP.Example.com:8443/", "mcp.example.com"),
            ("https://mcp.example.com@evil.example/", "evil.example"),
            ("https://evil.example\\@mcp.example.com/", "evil.example"),
            ("https://mcp.example.com./", "mcp.example.com"),
            ("https://[::1]/", "[::1]"),
            ("ftp://mcp.example.com/", ""),
            ("javascript:alert(1)", ""),
            ("connector_Gmail", "connector_gmail"),
        ] {
            assert_eq!(place(server), is, "{server}");
        }
        for (entry, server, takes_it) in [
            ("mcp.example.com", "mcp.example.com", true),
            ("mcp.example.com", "mcp.example.com.evil.example", false),
            ("*.example.com", "mcp.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "evilexample.com", false),
            ("", "", false),
        ] {
            assert_eq!(takes(entry, server), takes_it, "{entry} {server}");
        }
    }

    #[test]
    fn the_record_says_hosts_and_no_secrets() {
        let tool = |kind: &'static str, server: Option<&str>| Tool {
            kind: kind.into(),
            server: server.map(str::to_owned),
        };
        let reach = Reach {
            tools: vec![
                tool("web_search", None),
                tool("mcp", Some("https://u:secret@mcp.example.com/a?token=secret")),
                tool("mcp", Some("https://mcp.example.com/b")),
            ],
            ..Reach::default()
        };
        assert_eq!(told(&reach).unwrap(), "web_search, mcp@mcp.example.com");
        assert_eq!(told(&Reach::default()), None);
    }
}
