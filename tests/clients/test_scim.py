"""SCIM as provisioners use it: a conformance checker, and the cycles of Entra and Okta, against the real binary."""

import itertools
import json
import urllib.parse

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from support.gateway import eventually

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
names = itertools.count()


@pytest.fixture(scope="module")
def provisioner(gateway):
    """Makes a client with a credential of its own."""

    def make(source):
        made = gateway.cli("operator", "create", f"{source}-{next(names)}", "--role", "provisioner", "--tenant", "acme", "--source", source)
        base = f"http://127.0.0.1:{gateway.control}/scim/v2"
        return httpx2.Client(base_url=base, headers={"authorization": f"Bearer {made['secret']}", "content-type": "application/scim+json"})

    return make


def where(filter):
    return "?filter=" + urllib.parse.quote(filter)


def soon_refused(gateway, token):
    """The code of the refusal, which is in force soon."""
    answers = []
    eventually(lambda: answers.append(gateway.bearer(token)) or answers[-1].status == 401)
    assert answers[-1].status == 401, answers[-1].text
    return gateway.code(answers[-1])


def test_conformance(provisioner):
    results = check_server(SyncSCIMClient(provisioner("tester")))
    wrong = [f"{result.title} {result.resource_type}: {result.reason}" for result in results if result.status in (Status.ERROR, Status.CRITICAL)]
    assert not wrong, "\n".join(wrong)
    assert sum(result.status == Status.SUCCESS for result in results) > 50


def test_entra_provisions(provisioner, gateway, issuers):
    entra = provisioner("entra")
    send = lambda method, path, **body: entra.request(method, path, content=json.dumps(body))
    # Test connection: a filter for nobody.
    probe = entra.get("/Users" + where('userName eq "9e0a7c4c-nobody"'))
    assert probe.status_code == 200 and probe.json()["totalResults"] == 0
    made = send(
        "POST", "/Users", schemas=[CORE, ENTERPRISE], externalId="5b3b1d3c-ada", userName="ada.l@example.com", active=True,
        displayName="Ada L", emails=[{"primary": True, "type": "work", "value": "ada.l@example.com"}], meta={"resourceType": "User"},
        name={"formatted": "Ada L", "familyName": "L", "givenName": "Ada"}, **{ENTERPRISE: {"department": "Engines"}},
    )
    assert made.status_code == 201, made.text
    user = made.json()["id"]
    found = entra.get("/Users" + where('externalId eq "5b3b1d3c-ada"')).json()
    assert [one["id"] for one in found["Resources"]] == [user]
    token = issuers.token("ES256", sub="5b3b1d3c-ada")
    assert gateway.whoami(token)["user"]["id"] == user

    change = send(
        "PATCH", f"/Users/{user}", schemas=[PATCH],
        Operations=[
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ada@example.com"},
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 170"},
            {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Numbers"},
            {"op": "Add", "path": "name.familyName", "value": "Lovelace"},
        ],
    )
    assert change.status_code == 200, change.text
    assert change.json()["emails"][0]["value"] == "ada@example.com" and change.json()["name"]["familyName"] == "Lovelace"

    group = send("POST", "/Groups", schemas=["urn:ietf:params:scim:schemas:core:2.0:Group"], externalId="8aa1", displayName="Engineers of Entra", meta={"resourceType": "Group"})
    assert group.status_code == 201, group.text
    group = group.json()["id"]
    found = entra.get("/Groups" + where('displayName eq "Engineers of Entra"') + "&excludedAttributes=members").json()
    assert found["totalResults"] == 1 and "members" not in found["Resources"][0]
    added = send("PATCH", f"/Groups/{group}", schemas=[PATCH], Operations=[{"op": "Add", "path": "members", "value": [{"value": user}]}])
    assert added.status_code in (200, 204), added.text
    assert entra.get("/Groups" + where(f'id eq "{group}" and members eq "{user}"')).json()["totalResults"] == 1

    barred = send("PATCH", f"/Users/{user}", schemas=[PATCH], Operations=[{"op": "Replace", "path": "active", "value": "False"}])
    assert barred.json()["active"] is False
    assert soon_refused(gateway, token) == "subject_unresolved"
    send("PATCH", f"/Users/{user}", schemas=[PATCH], Operations=[{"op": "Replace", "value": {"active": True}}])
    removed = send("PATCH", f"/Groups/{group}", schemas=[PATCH], Operations=[{"op": "Remove", "path": "members", "value": [{"value": user}]}])
    assert not removed.json().get("members")
    assert entra.delete(f"/Users/{user}").status_code == 204
    assert entra.get(f"/Users/{user}").status_code == 404
    assert entra.delete(f"/Groups/{group}").status_code == 204
    assert soon_refused(gateway, token) == "subject_unresolved"
    again = send("POST", "/Users", schemas=[CORE], externalId="5b3b1d3c-ada", userName="ada.l@example.com")
    assert again.status_code == 409 and again.json()["scimType"] == "uniqueness"


def test_okta_provisions(provisioner):
    okta = provisioner("okta")
    send = lambda method, path, **body: okta.request(method, path, content=json.dumps(body))
    probe = okta.get("/Users?startIndex=1&count=2")
    assert probe.status_code == 200 and probe.json()["startIndex"] == 1 and len(probe.json()["Resources"]) <= 2
    assert okta.get("/Users" + where('userName eq "grace@example.com"')).json()["totalResults"] == 0
    profile = {
        "schemas": [CORE], "userName": "grace@example.com", "name": {"givenName": "Grace", "familyName": "Hopper"}, "displayName": "Grace Hopper",
        "emails": [{"primary": True, "value": "grace@example.com", "type": "work"}], "locale": "en-US", "externalId": "00u1", "groups": [], "password": "not kept", "active": True,
    }
    made = send("POST", "/Users", **profile)
    assert made.status_code == 201, made.text
    user = made.json()["id"]
    assert "password" not in made.json()
    assert send("POST", "/Users", **profile).status_code == 409
    assert okta.get(f"/Users/{user}").json()["userName"] == "grace@example.com"
    whole = send("PUT", f"/Users/{user}", **{**profile, "id": user, "meta": {"resourceType": "User"}, "nickName": "Amazing", "name": {"givenName": "Grace B.", "familyName": "Hopper"}})
    assert whole.status_code == 200 and whole.json()["nickName"] == "Amazing"
    off = send("PATCH", f"/Users/{user}", schemas=[PATCH], Operations=[{"op": "replace", "value": {"active": False}}])
    assert off.json()["active"] is False
    on = send("PUT", f"/Users/{user}", **{**profile, "id": user, "active": True})
    assert on.json()["active"] is True and "nickName" not in on.json()

    group = send("POST", "/Groups", schemas=["urn:ietf:params:scim:schemas:core:2.0:Group"], displayName="Compilers", members=[])
    assert group.status_code == 201, group.text
    group = group.json()["id"]
    pushed = send(
        "PATCH", f"/Groups/{group}", schemas=[PATCH],
        Operations=[{"op": "replace", "value": {"id": group, "displayName": "Compilers and more"}}, {"op": "add", "path": "members", "value": [{"value": user, "display": "grace@example.com"}]}],
    )
    assert pushed.status_code in (200, 204), pushed.text
    assert okta.get(f"/Users/{user}").json()["groups"][0]["value"] == group
    send("PATCH", f"/Groups/{group}", schemas=[PATCH], Operations=[{"op": "remove", "path": f'members[value eq "{user}"]'}])
    put = send("PUT", f"/Groups/{group}", schemas=["urn:ietf:params:scim:schemas:core:2.0:Group"], id=group, displayName="Compilers", members=[{"value": user}])
    assert [member["value"] for member in put.json()["members"]] == [user]
    # Another source does not see them.
    assert provisioner("entra").get(f"/Users/{user}").status_code == 404
    assert okta.delete(f"/Groups/{group}").status_code == 204
