//! Who calls the control plane, and what they may: authentication, the rate limit and the read-only rule sit in one
//! layer around every admin route, so that a new route cannot forget them. What a handler still decides is the tenant:
//! [`Caller::over`] before touching a tenant's things, [`Caller::whole`] for what belongs to no tenant.

use crate::Control;
use crate::answer::{Refused, absent};
use crate::scim::Client;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use portcullis_fault::{Fault, Secret, codes};
use portcullis_identity::directory::{Actor, Feed};
use portcullis_model::TenantId;
use portcullis_model::audit::OperatorRole;
use portcullis_store::entity::operators::Operator;
use std::net::IpAddr;

/// How a request got in. Whoever serves the router puts one into the request's extensions; without one nothing is
/// served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Over the network, from this address: needs an operator credential.
    Network(IpAddr),
    /// Over the 0600 unix socket, from a process of this user: the server's own or root, which the listener checked.
    Socket {
        /// The peer's user id.
        uid: u32,
    },
    /// From this very process, which holds the data directory's lock: the command line beside no running server.
    Process {
        /// The process's user id.
        uid: u32,
    },
}

impl Entrance {
    /// Whether the caller can read the data directory anyway.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Socket { .. } | Self::Process { .. })
    }
}

/// Who calls, once authenticated.
#[derive(Clone, Debug)]
pub struct Caller {
    role: OperatorRole,
    tenant: Option<TenantId>,
    actor: Actor,
    entrance: Entrance,
}

impl Caller {
    /// What the audit log will say.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The role.
    pub fn role(&self) -> OperatorRole {
        self.role
    }

    /// The tenant that the caller is confined to.
    pub fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }

    /// How the request got in.
    pub fn entrance(&self) -> Entrance {
        self.entrance
    }

    /// Passes when the caller may see `tenant`'s things. The refusal is the one of a thing that is not there.
    pub fn over(&self, tenant: TenantId, what: &str) -> Result<(), Refused> {
        match self.role {
            OperatorRole::Operator | OperatorRole::Auditor => Ok(()),
            OperatorRole::TenantAdministrator if self.tenant == Some(tenant) => Ok(()),
            OperatorRole::TenantAdministrator | OperatorRole::Provisioner => Err(absent(what)),
        }
    }

    /// Passes when the caller is not confined to a tenant: for what belongs to none.
    pub fn whole(&self) -> Result<(), Refused> {
        match self.role {
            OperatorRole::Operator | OperatorRole::Auditor => Ok(()),
            OperatorRole::TenantAdministrator | OperatorRole::Provisioner => Err(Refused(
                Fault::new(codes::OPERATOR_FORBIDDEN)
                    .detail("this belongs to no tenant; the role `operator` is needed"),
            )),
        }
    }

    /// The tenant to list: the one asked for, or the one the caller is confined to, or all.
    pub fn scope(&self, asked: Option<TenantId>) -> Result<Option<TenantId>, Refused> {
        if let Some(tenant) = asked {
            self.over(tenant, "tenant")?;
        }
        Ok(asked.or(self.tenant.filter(|_| self.role == OperatorRole::TenantAdministrator)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        // Missing means that the route was added outside the authenticated part of the router.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Refused(Fault::new(codes::INTERNAL).context("an admin route is outside the authentication layer"))
        })
    }
}

/// The layer around every admin route.
pub async fn authenticate(State(control): State<Control>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    admit(control, Presented::of(&request, reads), request, next).await
}

/// The layer around routes that change nothing, whatever their method: every role may use them.
pub async fn authenticate_anybody(State(control): State<Control>, request: Request, next: Next) -> Response {
    admit(control, Presented::of(&request, true), request, next).await
}

async fn admit(control: Control, presented: Presented, mut request: Request, next: Next) -> Response {
    match recognise(&control, presented).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}

/// Who calls a route that anybody may call: somebody, when a credential is presented or the caller is of this host. A
/// credential that is no good is refused, as it would be anywhere.
pub(crate) fn if_any(
    control: &Control,
    request: &Request,
) -> impl Future<Output = Result<Option<Caller>, Refused>> + Send + use<> {
    let (control, presented) = (control.clone(), Presented::of(request, true));
    async move {
        let network = !presented.entrance.is_some_and(Entrance::is_local);
        if network && presented.authorization.is_empty() {
            return Ok(None);
        }
        recognise(&control, presented).await.map(Some)
    }
}

/// What of a request says who it is from. (The request itself cannot be held while the directory is asked: its body
/// is not to be shared between threads.)
struct Presented {
    entrance: Option<Entrance>,
    reads: bool,
    authorization: Vec<HeaderValue>,
}

impl Presented {
    fn of(request: &Request, reads: bool) -> Self {
        Self {
            entrance: request.extensions().get::<Entrance>().copied(),
            reads,
            authorization: request.headers().get_all(header::AUTHORIZATION).iter().cloned().collect(),
        }
    }
}

async fn recognise(control: &Control, presented: Presented) -> Result<Caller, Refused> {
    let Some(entrance) = presented.entrance else {
        return Err(Refused(
            Fault::new(codes::INTERNAL).context("the request came in through no known entrance"),
        ));
    };
    let local = |name: String, source: &str| Caller {
        role: OperatorRole::Operator,
        tenant: None,
        actor: Actor::new(name, source),
        entrance,
    };
    let caller = match entrance {
        Entrance::Socket { uid } => local(format!("socket:uid={uid}"), "socket"),
        Entrance::Process { uid } => local(format!("process:uid={uid}"), "process"),
        Entrance::Network(address) => {
            let operator = by_credential(control, &presented.authorization, address).await?;
            let actor = Actor::new(format!("operator:{}", operator.name), address.to_string());
            Caller { role: operator.role, tenant: operator.tenant, actor, entrance }
        }
    };
    if caller.role == OperatorRole::Provisioner {
        return Err(Refused(
            Fault::new(codes::OPERATOR_FORBIDDEN)
                .detail("a provisioner feeds users and teams over SCIM (`/scim/v2`), and may nothing else"),
        ));
    }
    if caller.role == OperatorRole::Auditor && !presented.reads {
        return Err(Refused(
            Fault::new(codes::OPERATOR_FORBIDDEN).detail("an auditor reads and changes nothing"),
        ));
    }
    Ok(caller)
}

async fn by_credential(
    control: &Control,
    authorization: &[HeaderValue],
    address: IpAddr,
) -> Result<Operator, Refused> {
    control
        .failures()
        .check(address)
        .map_err(|wait| Refused(Fault::new(codes::TOO_MANY_FAILURES).retry_after(wait)))?;
    let [value] = authorization else {
        let detail = "the control plane needs one `Authorization: Bearer pco_…` header; the first start wrote a credential to `admin-credential` in the data directory";
        return Err(Refused(Fault::new(codes::OPERATOR_CREDENTIAL_INVALID).detail(detail)));
    };
    let presented = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, credential)) = presented else {
        control.failures().record_failure(address);
        return Err(Refused(
            Fault::new(codes::OPERATOR_CREDENTIAL_INVALID)
                .detail("the `Authorization` header is not `Bearer pco_…`"),
        ));
    };
    let operator =
        match control.directory().authenticate_operator(&Secret::new(credential.trim().to_owned())).await {
            Ok(operator) => operator,
            Err(fault) => {
                // An outage of the database is not the caller's failure.
                if fault.code() == codes::OPERATOR_CREDENTIAL_INVALID {
                    control.failures().record_failure(address);
                }
                return Err(fault.into());
            }
        };
    control
        .rate()
        .take(operator.id, control.clock().now())
        .map_err(|wait| Refused(Fault::new(codes::TOO_MANY_REQUESTS).retry_after(wait)))?;
    Ok(operator)
}

/// The provisioner that a request is from: over the network only, as there is nothing on this host that provisions.
pub(crate) fn provisioner(
    control: &Control,
    request: &Request,
) -> impl Future<Output = Result<Client, Refused>> + Send + use<> {
    let (control, presented) = (control.clone(), Presented::of(request, false));
    async move {
        let refused = |detail: &'static str| Refused(Fault::new(codes::OPERATOR_FORBIDDEN).detail(detail));
        let Some(Entrance::Network(address)) = presented.entrance else {
            return Err(refused("SCIM is served over the network, to credentials of the role `provisioner`"));
        };
        let operator = by_credential(&control, &presented.authorization, address).await?;
        let (OperatorRole::Provisioner, Some(tenant), Some(source)) =
            (operator.role, operator.tenant, operator.source)
        else {
            return Err(refused(
                "SCIM takes credentials of the role `provisioner`; make one with `portcullis operator create NAME --role provisioner --tenant TENANT --source SOURCE`",
            ));
        };
        let actor = Actor::new(format!("scim:{}", operator.name), address.to_string());
        Ok(Client { feed: Feed { tenant, source }, actor })
    }
}
