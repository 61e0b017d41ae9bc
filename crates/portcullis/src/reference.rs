//! What people type for a thing: its id, or the name by which they know it.

use crate::client::Client;
use crate::failure::{Done, Failure};
use serde_json::Value;

/// The user of this id, user name or external id.
pub async fn user(client: &Client, reference: &str, tenant: Option<&str>) -> Done<String> {
    // Other systems' ids are UUIDs as often as ours: what is no id here may be an external one.
    if is_id(reference) {
        match client.read(&format!("/admin/v1/users/{reference}"), &[]).await {
            Ok(_) => return Ok(reference.to_owned()),
            Err(failure) if failure.is("resource_not_found") => {}
            Err(failure) => return Err(failure),
        }
    }
    for attribute in ["username", "external_id"] {
        let query = [
            (attribute, Some(reference.to_owned())),
            ("tenant", tenant.map(str::to_owned)),
            ("limit", Some("2".to_owned())),
        ];
        let page = client.read("/admin/v1/users", &query).await?;
        if let Some(id) = only(&page, "user", reference)? {
            return Ok(id);
        }
    }
    Err(Failure::new(format!("no user has the id, user name or external id `{reference}`"))
        .next("portcullis user list"))
}

/// The team of this id or name.
pub async fn team(client: &Client, reference: &str, tenant: Option<&str>) -> Done<String> {
    if is_id(reference) {
        return Ok(reference.to_owned());
    }
    let query = [
        ("name", Some(reference.to_owned())),
        ("tenant", tenant.map(str::to_owned)),
        ("limit", Some("2".to_owned())),
    ];
    let page = client.read("/admin/v1/teams", &query).await?;
    only(&page, "team", reference)?.ok_or_else(|| {
        Failure::new(format!("no team has the id or name `{reference}`")).next("portcullis team list")
    })
}

/// The application of this id or name.
pub async fn application(client: &Client, reference: &str, tenant: Option<&str>) -> Done<String> {
    if is_id(reference) {
        return Ok(reference.to_owned());
    }
    let query = [
        ("name", Some(reference.to_owned())),
        ("tenant", tenant.map(str::to_owned)),
        ("limit", Some("2".to_owned())),
    ];
    let page = client.read("/admin/v1/applications", &query).await?;
    only(&page, "application", reference)?.ok_or_else(|| {
        Failure::new(format!("no application has the id or name `{reference}`")).next("portcullis app list")
    })
}

/// The API key of this id, or of this whole key (whose id is in it).
pub fn api_key(reference: &str) -> Done<String> {
    let id = reference.strip_prefix("pck_").map_or(reference, |rest| rest.split('_').next().unwrap_or(rest));
    let id = if id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit()) {
        hyphenated(id)
    } else {
        id.to_owned()
    };
    if is_id(&id) {
        Ok(id)
    } else {
        Err(Failure::usage("an API key is named by its id, a UUID").next("portcullis key list"))
    }
}

fn hyphenated(id: &str) -> String {
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}

fn only(page: &Value, what: &str, reference: &str) -> Done<Option<String>> {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    match items {
        [] => Ok(None),
        [one] => Ok(one["id"].as_str().map(str::to_owned)),
        _ => Err(Failure::usage(format!("more than one {what} is called `{reference}`"))
            .next("say which with `--tenant`, or give the id")),
    }
}

/// Whether it has the form of an id.
pub fn is_id(text: &str) -> bool {
    text.parse::<uuid::Uuid>().is_ok()
}

/// `name=value`, as `--identity corp=42` and `--claim role=admin` take it.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as `name=value`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_api_keys() {
        let id = "0199f0c2-7f00-7000-8000-000000000001";
        assert_eq!(api_key(id).unwrap(), id);
        assert_eq!(api_key(&format!("pck_{id}_s3cret")).unwrap(), id);
        assert_eq!(api_key(&format!("pck_{}_s3_cret", id.replace('-', ""))).unwrap(), id);
        assert!(api_key("ada").is_err());
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("=x").is_err() && pair("x").is_err());
    }
}
