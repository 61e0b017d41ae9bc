//! A service, compiled.

use crate::filters::Scrub;
use crate::measure::Meters;
use crate::route::is_service_path;
use crate::snapshot::ai;
use crate::upstream::Endpoints;
use crate::upstream::http::Target;
use http::{HeaderValue, Method};
use portcullis_config::Config;
use portcullis_identity::{Places, ServiceRules};
use portcullis_model::{Problem, Service, Specification};
use std::sync::Arc;

/// A service.
pub(crate) struct ServiceRoute {
    pub(crate) name: Arc<str>,
    pub(crate) host: Option<String>,
    pub(crate) path: Box<str>,
    pub(crate) rules: ServiceRules,
    pub(crate) places: Places,
    pub(crate) scrub: Scrub,
    pub(crate) target: Target,
    /// Methods served, and the same as `Allow` says it; none: all.
    pub(crate) methods: Option<(Vec<Method>, HeaderValue)>,
    pub(crate) max_body: u64,
    pub(crate) websocket: bool,
    /// How much of each body is captured.
    pub(crate) capture: Option<usize>,
    pub(crate) meters: Arc<Meters>,
}

impl ServiceRoute {
    pub(super) fn compile(
        service: &Service,
        specification: &Specification,
        config: &Config,
        endpoints: &Endpoints,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let at = |field: &str| format!("services.{}.{field}", service.name);
        check_path(service, &mut problems);
        if let Some(host) = &service.host {
            let plain = !host.is_empty()
                && host.bytes().all(|c| {
                    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'[' | b']' | b':')
                });
            if !plain || host.ends_with('.') {
                problems.push(Problem::new(
                    at("host"),
                    format!("a host is a name without scheme, port or final dot, not `{host}`"),
                ));
            }
        }
        let url = &service.upstream;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            problems
                .push(Problem::new(at("upstream"), "an upstream is `http://…` or `https://…` with a host"));
        }
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            problems.push(Problem::new(
                at("upstream"),
                "an upstream has scheme, host, port and a base path, and nothing else",
            ));
        }
        let methods = methods(service, &mut problems);
        let rules = ServiceRules::compile(service, &specification.tenants)
            .map_err(|problem| problems.push(problem))
            .ok();
        let places = Places::of_service(&service.credentials)
            .map_err(|error| problems.push(Problem::new(at("credentials"), error)))
            .ok();
        let scrub = Scrub::new(service.forward, &service.credentials)
            .map_err(|error| problems.push(Problem::new(at("credentials.header"), error)))
            .ok();
        if !problems.is_empty() {
            return Err(problems);
        }
        let endpoint =
            endpoints.endpoint(url, &service.http).map_err(|error| vec![Problem::new(at("http"), error)])?;
        let (Some(rules), Some(places), Some(scrub)) = (rules, places, scrub) else { return Err(problems) };
        let max_body = service.max_body.unwrap_or(config.gateway.max_body).0;
        Ok(Self {
            name: service.name.shared(),
            host: service.host.clone(),
            path: service.path.as_str().into(),
            rules,
            places,
            scrub,
            target: Target {
                endpoint,
                base: url.path().trim_end_matches('/').into(),
                strip: service.strip_path.then(|| service.path.as_str().into()),
                timeout: service.timeout.map(|span| span.0),
            },
            methods,
            max_body,
            websocket: service.websocket,
            capture: service.capture.then(|| config.records.capture_limit.bytes()),
            meters: Arc::new(Meters::new(service.tenant.as_str(), service.name.as_str())),
        })
    }
}

fn check_path(service: &Service, problems: &mut Vec<Problem>) {
    let at = format!("services.{}.path", service.name);
    let path = service.path.as_str();
    if !is_service_path(path) {
        let message = format!(
            "a path is `/`, or `/` and segments of `A-Z a-z 0-9 - . _ ~` without a final slash, not `{path}`"
        );
        problems.push(Problem::new(at, message));
        return;
    }
    if path == "/-" || path.starts_with("/-/") {
        problems.push(Problem::new(at, "paths below `/-` are the gateway's own"));
        return;
    }
    // Elsewhere a service may shadow the AI routes: on a host of its own that is what it says.
    if service.host.is_none() && ai::takes(path) {
        problems.push(Problem::new(at, format!("`{path}` is in the way of the AI routes; choose another path, or give the service a `host` of its own")));
    }
}

fn methods(service: &Service, problems: &mut Vec<Problem>) -> Option<(Vec<Method>, HeaderValue)> {
    if service.methods.is_empty() {
        return None;
    }
    let mut methods = Vec::new();
    for name in &service.methods {
        // A method is compared exactly; lower case would never match what clients send.
        match Method::from_bytes(name.to_ascii_uppercase().as_bytes()) {
            Ok(method) if method != Method::CONNECT => methods.push(method),
            _ => problems.push(Problem::new(
                format!("services.{}.methods", service.name),
                format!("this is no method that can be served: `{name}`"),
            )),
        }
    }
    // Whoever serves GET serves HEAD (RFC 9110 §9.1).
    if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
        methods.push(Method::HEAD);
    }
    let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(allow).ok().map(|allow| (methods, allow))
}
