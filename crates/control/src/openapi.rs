//! The description of the admin API, derived from the handlers. What is the same for every operation (the credential,
//! the shape of a refusal) is added here once instead of at each handler.

use crate::{Control, admin, workbench};
use utoipa::openapi::schema::{ArrayItems, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;

/// A refusal (RFC 9457).
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Link to the code's page.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code's sentence.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was wrong in this call.
    pub detail: String,
    /// The catalogue code.
    pub code: String,
    /// The call's id.
    pub request_id: String,
}

const DESCRIPTION: &str = "Administration of tenants, users, applications, API keys, records and the rest. \
Over TCP every request carries an operator credential (`Authorization: Bearer pco_…`); over the unix socket the \
operating system says who calls. Roles: `operator` does everything, `tenant_administrator` everything within one \
tenant (what belongs to another does not exist), `auditor` reads everything, \
`provisioner` feeds users and teams over SCIM (`/scim/v2`, which describes itself) and may nothing here. Lists are paged by `after` and `limit`. \
Members that are not described are refused. Below \
`/workbench/v1` tokens and keys are decoded, verified, explained, made and audited, by any role: nothing is changed, \
stored or logged there. So does the doctor for any role; a tenant administrator is shown nothing of other tenants.";

/// The admin routes, the workbench's routes, and their description.
pub fn described() -> (axum::Router<Control>, axum::Router<Control>, OpenApi) {
    let info = InfoBuilder::new()
        .title("Portcullis admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let base = OpenApiBuilder::new().info(info).components(Some(Components::new())).build();
    let (router, mut api) = admin::RESOURCES
        .iter()
        .fold(OpenApiRouter::with_openapi(base), |router, routes| router.merge(routes()))
        .split_for_parts();
    // What changes nothing is for every role, whatever its method.
    let reading =
        workbench::serve::routes().merge(admin::doctor::examination()).merge(admin::routes::explanation());
    let (bench, bench_api) = reading.split_for_parts();
    api.merge(bench_api);
    complete(&mut api);
    (router, bench, api)
}

/// The description alone, as committed in `api/openapi.json`.
pub fn document() -> OpenApi {
    described().2
}

fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("an operator credential, `pco_<id>_<secret>`"))
        .build();
    components.add_security_scheme("operator", SecurityScheme::Http(bearer));
    components.schemas.insert("Problem".to_owned(), <Problem as utoipa::PartialSchema>::schema());
    for (name, schema) in &mut components.schemas {
        // A page's entries are written out by the macro; clients want the type that is there already.
        let (Some(entry), RefOr::T(Schema::Object(page))) = (name.strip_prefix("Page_"), schema) else {
            continue;
        };
        if let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items") {
            items.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(entry).into()));
        }
    }
    let refusal = ResponseBuilder::new()
        .description("a refusal; `code` is one of the catalogue's")
        .content("application/problem+json", Content::new(Some(Ref::from_schema_name("Problem"))))
        .build();
    for item in api.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), refusal.clone().into());
            operation.security = Some(vec![SecurityRequirement::new("operator", [""; 0])]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_says_what_it_is_for() {
        let api = document();
        let mut ids = std::collections::HashSet::new();
        for (path, item) in &api.paths.paths {
            assert!(path.starts_with("/admin/v1/") || path.starts_with(workbench::serve::PATH), "{path}");
            let operations = [&item.get, &item.put, &item.post, &item.delete, &item.patch];
            for operation in operations.into_iter().flatten() {
                let id = operation.operation_id.clone().unwrap_or_default();
                assert!(
                    ids.insert(id.clone()),
                    "operation id `{id}` is there twice: generated clients would lose one"
                );
                assert!(
                    operation.summary.as_deref().is_some_and(|text| text.len() > 5),
                    "{path} has no summary"
                );
                assert!(
                    operation.security.is_some() && operation.responses.responses.contains_key("default")
                );
            }
        }
    }
}
