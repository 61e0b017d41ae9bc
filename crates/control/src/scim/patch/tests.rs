use super::*;
use crate::scim::schema::{GROUP, USER};
use proptest::prelude::*;
use serde_json::json;

fn patched(kind: &ResourceType, before: &Value, operations: Value) -> Result<Value, (ScimType, String)> {
    let told = |failure: Failure| (failure.kind.unwrap(), failure.fault.public_detail().to_owned());
    let body = json!({ "Operations": operations });
    let operations = read(body.as_object().unwrap()).map_err(told)?;
    apply(kind, before.as_object().unwrap().clone(), &operations).map(Value::Object).map_err(told)
}

fn ada() -> Value {
    json!({
        "userName": "ada", "active": true, "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }, { "value": "a@home.example", "type": "home" }],
    })
}

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn operations_do_what_they_say() {
    for (operations, pointer, wanted) in [
        (
            json!([{ "op": "replace", "path": "userName", "value": "lovelace" }]),
            "/userName",
            json!("lovelace"),
        ),
        (json!([{ "op": "Add", "path": "title", "value": "Countess" }]), "/title", json!("Countess")),
        (json!([{ "op": "remove", "path": "name.givenName" }]), "/name", json!({ "familyName": "Byron" })),
        (
            json!([{ "op": "replace", "path": "name", "value": { "familyName": "L" } }]),
            "/name",
            json!({ "givenName": "Ada", "familyName": "L" }),
        ),
        (json!([{ "op": "remove", "path": "emails" }]), "/emails", Value::Null),
        (json!([{ "op": "remove", "path": "emails[type eq \"home\"]" }]), "/emails/1", Value::Null),
        (
            json!([{ "op": "remove", "path": "emails[type eq \"home\"].type" }]),
            "/emails/1",
            json!({ "value": "a@home.example" }),
        ),
        (
            json!([{ "op": "replace", "path": "emails", "value": [{ "value": "x@y" }] }]),
            "/emails",
            json!([{ "value": "x@y" }]),
        ),
        (
            json!([{ "op": "add", "path": "emails", "value": [{ "value": "x@y", "primary": true }] }]),
            "/emails/0/primary",
            json!(false),
        ),
        (
            json!([{ "op": "add", "path": "emails", "value": { "value": "ADA@example.com" } }]),
            "/emails/2",
            Value::Null,
        ),
        (
            json!([{ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": true }]),
            "/emails/0/primary",
            json!(false),
        ),
        (
            json!([{ "op": "replace", "path": "emails[type eq \"home\"]", "value": { "value": "n@h" } }]),
            "/emails/1",
            json!({ "value": "n@h", "type": "home" }),
        ),
        (
            json!([{ "op": "replace", "value": { "title": "T", "nickName": "N", "id": "x", "unknown": 1 } }]),
            "/title",
            json!("T"),
        ),
        (
            json!([{ "op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": "m1" }]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager",
            json!({ "value": "m1" }),
        ),
        (
            json!([{ "op": "add", "path": ENTERPRISE, "value": { "department": "D" } }]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            json!({ "department": "D" }),
        ),
        (
            json!([{ "op": "add", "value": { ENTERPRISE: { "department": "D" } } }, { "op": "remove", "path": format!("{ENTERPRISE}:department") }]),
            "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            Value::Null,
        ),
        (json!([{ "op": "replace", "path": "title", "value": "" }]), "/title", Value::Null),
    ] {
        let after = patched(&USER, &ada(), operations.clone())
            .unwrap_or_else(|error| panic!("{operations}: {error:?}"));
        assert_eq!(after.pointer(pointer).cloned().unwrap_or(Value::Null), wanted, "{operations}");
    }
}

#[test]
fn entra_is_understood() {
    let after = patched(
        &USER,
        &ada(),
        json!([
            { "op": "Replace", "path": "active", "value": "False" },
            { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+49 2" },
            { "op": "Replace", "path": "addresses[type eq \"work\"].locality", "value": "Bonn" },
            { "op": "Replace", "value": { "emails[type eq \"work\"].value": "new@example.com", "name.givenName": "Augusta", format!("{ENTERPRISE}:department"): "R" } },
            { "op": "Add", "path": "roles", "value": [{ "value": "admin", "primary": "True" }] },
        ]),
    )
    .unwrap();
    assert_eq!(after["active"], false);
    assert_eq!(after["phoneNumbers"], json!([{ "type": "mobile", "value": "+49 2" }]));
    assert_eq!(after["addresses"], json!([{ "type": "work", "locality": "Bonn" }]));
    assert_eq!(after["emails"][0]["value"], "new@example.com");
    assert_eq!(after["name"]["givenName"], "Augusta");
    assert_eq!(after[ENTERPRISE]["department"], "R");
    assert_eq!(after["roles"], json!([{ "value": "admin", "primary": true }]));
}

#[test]
fn members_come_and_go() {
    let group = json!({ "displayName": "Devs", "members": [{ "value": "1" }, { "value": "2" }] });
    for (operation, wanted) in [
        (
            json!({ "op": "add", "path": "members", "value": [{ "value": "3" }, { "value": "1" }] }),
            json!(["1", "2", "3"]),
        ),
        (json!({ "op": "Remove", "path": "members", "value": [{ "value": "1" }] }), json!(["2"])),
        (json!({ "op": "remove", "path": "members[value eq \"2\"]" }), json!(["1"])),
        (json!({ "op": "replace", "path": "members", "value": [{ "value": "9" }] }), json!(["9"])),
        (json!({ "op": "replace", "value": { "members": [{ "value": "9" }] } }), json!(["9"])),
        (json!({ "op": "remove", "path": "members" }), json!([])),
    ] {
        let after = patched(&GROUP, &group, json!([operation])).unwrap();
        let members: Vec<_> =
            after["members"].as_array().into_iter().flatten().map(|member| &member["value"]).collect();
        assert_eq!(json!(members), wanted, "{operation}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    use ScimType::{InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget};
    for (operations, kind) in [
        (json!([]), InvalidSyntax),
        (json!([{ "op": "move", "path": "title" }]), InvalidSyntax),
        (json!([1]), InvalidSyntax),
        (json!([{ "op": "remove" }]), NoTarget),
        (json!([{ "op": "add", "path": "nothing", "value": 1 }]), InvalidPath),
        (json!([{ "op": "add", "path": "emails[", "value": 1 }]), InvalidPath),
        (json!([{ "op": "add", "path": "name[givenName pr]", "value": 1 }]), InvalidPath),
        (json!([{ "op": "add", "path": "emails[type pr].nothing", "value": 1 }]), InvalidPath),
        (json!([{ "op": "add", "path": "id", "value": "x" }]), Mutability),
        (json!([{ "op": "replace", "path": "groups", "value": [] }]), Mutability),
        (json!([{ "op": "replace", "path": "meta.created", "value": "x" }]), Mutability),
        (json!([{ "op": "remove", "path": "userName" }]), InvalidValue),
        (json!([{ "op": "replace", "path": "userName", "value": null }]), InvalidValue),
        (json!([{ "op": "replace", "value": { "userName": "" } }]), InvalidValue),
        (json!([{ "op": "add", "path": "title" }]), InvalidValue),
        (json!([{ "op": "replace", "path": "active", "value": "maybe" }]), InvalidValue),
        (json!([{ "op": "replace", "value": "x" }]), InvalidValue),
        (json!([{ "op": "replace", "path": "emails[type co \"x\"].value", "value": "y" }]), NoTarget),
    ] {
        let (found, detail) = patched(&USER, &ada(), operations.clone()).unwrap_err();
        assert_eq!(found, kind, "{operations}: {detail}");
    }
}

/// A client may not have us compare for minutes with one body.
#[test]
fn what_operations_compare_is_bounded() {
    // A list that grows with each operation, each of its elements compared with all.
    let many = |n: usize| json!({ "op": "add", "path": "emails", "value": (0..100).map(|i| format!("{n}-{i}")).collect::<Vec<_>>() });
    let growing: Vec<Value> = (0..1_000).map(many).collect();
    let (kind, detail) = patched(&USER, &ada(), growing.into()).unwrap_err();
    assert_eq!(kind, ScimType::TooMany, "{detail}");
    // Very many members, and filters that read each of them again and again.
    let members: Vec<Value> =
        (0..10_000).map(|n| json!({ "value": format!("id-{n}"), "type": "User" })).collect();
    let group = json!({ "displayName": "all", "members": members });
    let terms = vec!["type co \"x\""; 100].join(" or ");
    let reading: Vec<Value> =
        (0..200).map(|_| json!({ "op": "remove", "path": format!("members[{terms}]") })).collect();
    let (kind, detail) = patched(&GROUP, &group, reading.into()).unwrap_err();
    assert_eq!(kind, ScimType::TooMany, "{detail}");
    // As identity providers write it, the same group is emptied one by one.
    let leaving: Vec<Value> = (0..1_000)
        .map(|n| json!({ "op": "Remove", "path": format!("members[value eq \"id-{n}\"]") }))
        .collect();
    let left = patched(&GROUP, &group, leaving.into()).unwrap();
    assert_eq!(left["members"].as_array().unwrap().len(), 9_000);
    assert_eq!(left["members"][0]["value"], "id-1000");
}

proptest! {
    #[test]
    fn no_operation_breaks_the_shape(
        verb in prop::sample::select(vec!["add", "replace", "remove"]),
        path in prop::sample::select(vec![
            "userName", "active", "name", "name.givenName", "emails", "emails.value", "emails[type eq \"work\"]",
            "emails[type eq \"x\"].value", "emails[primary eq true].type", "roles", "roles.primary", ENTERPRISE,
        ]),
        value in prop::sample::select(vec![
            json!(null), json!("x"), json!(true), json!("True"), json!(5), json!([]), json!({}), json!([{ "value": "v" }]),
            json!({ "value": "v", "type": "work", "primary": true }), json!({ "givenName": "G" }), json!([["x"]]), json!({ "department": "D" }),
        ]),
    ) {
        if let Ok(after) = patched(&USER, &ada(), json!([{ "op": verb, "path": path, "value": value }])) {
            // What came of it is what would be read of a client that sent it.
            let after = after.as_object().unwrap();
            prop_assert_eq!(&crate::scim::coerce::document(&USER, after).map_err(|f| f.fault.to_string()).unwrap(), after);
            prop_assert!(crate::scim::coerce::check(&USER, after).is_ok());
        }
    }
}
