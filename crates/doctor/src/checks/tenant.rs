//! The tenant: disabled, not one of ours, or not the service's.

use crate::case::Case;
use crate::cause;
use crate::check::{Check, Seen};
use crate::report::{By, Finding, Likelihood};
use crate::stage::Stage;
use crate::words::{quoted, word};
use async_trait::async_trait;
use portcullis_model::issuer::TenantRule;

pub(super) struct Tenant;

#[async_trait]
impl Check for Tenant {
    fn name(&self) -> &'static str {
        "tenant"
    }

    async fn examine(&self, case: &Case) -> Seen {
        let context =
            case.course.refusal.as_ref().and_then(|refusal| refusal.context.clone()).unwrap_or_default();
        let seen = case.course.seen.tenant.as_ref();
        Seen::one(match case.code() {
            "tenant_disabled" => {
                let name = seen.map(|tenant| tenant.name.to_string()).unwrap_or_default();
                Finding::new(cause::TENANT_DISABLED, Stage::Resolve, Likelihood::Certain, By::Operator, format!("tenant `{name}` is disabled"))
                    .evidence(context)
                    .action("enable it; a tenant that left the configuration file is disabled, and comes back with it")
                    .command(format!("portcullis tenant enable {}", word(&name)))
            }
            "tenant_unknown" => {
                let finding = Finding::new(cause::TENANT_UNKNOWN, Stage::Resolve, Likelihood::Certain, By::Operator, "the token's tenant claim names no tenant here").evidence(context);
                let finding = match case.issuer().map(|issuer| &issuer.tenant) {
                    Some(TenantRule::Mapped(map)) => {
                        let values: Vec<String> = map.map.iter().take(12).map(|(value, name)| format!("{} → `{name}`", quoted(value))).collect();
                        finding.evidence(format!("the claim is `{}`; the map has {}", map.claim, values.join(", ")))
                    }
                    _ => finding,
                };
                finding.action("add the value to `tenant.map` of the issuer; or give the caller a token of a tenant that is there").command("portcullis issuer list")
            }
            "service_foreign" => Finding::new(cause::TENANT_MISMATCH, Stage::Authorise, Likelihood::Certain, By::Caller, "the service belongs to another tenant than the caller")
                .evidence(context)
                .action("call a service of the caller's own tenant, with a token of the service's tenant; nobody is told that another tenant's service exists")
                .command("portcullis tenant list"),
            _ => {
                return match seen {
                    Some(tenant) => Seen::InOrder(format!("tenant `{}` is enabled", tenant.name)),
                    None => Seen::Nothing,
                };
            }
        })
    }
}
