//! Lists (RFC 7644 §3.4.2): filtered, sorted, a window at a time. What a filter asks of indexed attributes is asked of the
//! database; the rest is compared here, over a bounded number of resources.

use super::answer::Reply;
use super::client::Client;
use super::failure::{Failure, ScimType};
use super::filter::{self, Matcher, Narrow, Place};
use super::input::{self, Body};
use super::project::Projection;
use super::resources::{Kind, of_group, of_user};
use super::{base, groups, users, weight};
use crate::Control;
use crate::input::Path;
use axum::extract::{RawQuery, State};
use portcullis_identity::directory::Fed;
use portcullis_model::team::MOST_TEAMS;
use portcullis_model::{Team, User, UserId};
use portcullis_store::entity::provisioned::{self, Teams, Users};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::time::Duration;

/// The most resources of one answer.
pub const MOST: u32 = 200;
/// How many an answer has when nobody says.
const DEFAULT: u32 = 100;
/// The most users that are looked at for one answer.
const MOST_LOOKED_AT: usize = 50_000;
/// The most users that are sorted for one answer.
const MOST_SORTED: usize = 10_000;
/// The most that is kept of them, in bytes.
const MOST_KEPT: usize = 32 << 20;
/// Users that are read at once.
const AT_ONCE: u32 = 200;
/// How long one answer may take where resources are looked at one by one.
const TIME: Duration = Duration::from_secs(10);
/// The most members that are looked at for one answer.
const MOST_MEMBERS: usize = groups::MOST_MEMBERS;

/// `GET /Users`, `GET /Groups`
pub async fn list(
    State(control): State<Control>,
    client: Client,
    Path(endpoint): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Reply, Failure> {
    let parameters = input::query(query.as_deref())?;
    one_kind(&control, &client, Kind::at(&endpoint)?, &parameters).await
}

/// `POST /Users/.search`, `POST /Groups/.search`
pub async fn search(
    State(control): State<Control>,
    client: Client,
    Path(endpoint): Path<String>,
    Body(body): Body,
) -> Result<Reply, Failure> {
    one_kind(&control, &client, Kind::at(&endpoint)?, &folded(body)).await
}

/// `POST /.search`: users first, then groups. A kind that has not the attributes of the filter has none.
pub async fn search_all(
    State(control): State<Control>,
    client: Client,
    Body(body): Body,
) -> Result<Reply, Failure> {
    let parameters = folded(body);
    if parameters.contains_key("sortby") {
        let detail = "`sortBy` is for one kind of resource: search `/Users/.search` or `/Groups/.search`";
        return Err(Failure::new(ScimType::InvalidValue, detail));
    }
    let window = Window::of(&parameters)?;
    let (mut total, mut resources, mut refused) = (0, Vec::new(), None);
    for kind in [Kind::User, Kind::Group] {
        let query = match Query::of(kind, &parameters) {
            Ok(query) => query,
            Err(failure) => {
                if refused.is_some() {
                    return Err(failure);
                }
                refused = Some(failure);
                continue;
            }
        };
        let rest = Window {
            skip: window.skip.saturating_sub(usize::try_from(total).unwrap_or(usize::MAX)),
            count: window.count - resources.len(),
        };
        let (found, some) = query.run(&control, &client, rest).await?;
        total += found;
        resources.extend(some);
    }
    Ok(Reply::document(response(total, window.skip + 1, resources)))
}

fn folded(body: Map<String, Value>) -> Map<String, Value> {
    body.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

async fn one_kind(
    control: &Control,
    client: &Client,
    kind: Kind,
    parameters: &Map<String, Value>,
) -> Result<Reply, Failure> {
    let window = Window::of(parameters)?;
    let (total, resources) = Query::of(kind, parameters)?.run(control, client, window).await?;
    Ok(Reply::document(response(total, window.skip + 1, resources)))
}

/// A list of resources.
pub fn response(total: u64, start: usize, resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

/// Which part of a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    skip: usize,
    count: usize,
}

impl Window {
    /// By `startIndex` (from 1; less is 1) and `count` (less than 0 is 0).
    fn of(parameters: &Map<String, Value>) -> Result<Self, Failure> {
        let number = |name: &str, shown: &str, default: i64| match parameters.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64().unwrap_or(default)),
            Some(Value::String(text)) if text.parse::<i64>().is_ok() => Ok(text.parse().unwrap_or(default)),
            Some(_) => Err(Failure::new(ScimType::InvalidValue, format!("`{shown}` is a whole number"))),
        };
        let start = number("startindex", "startIndex", 1)?.clamp(1, i64::from(u32::MAX));
        let count = number("count", "count", i64::from(DEFAULT))?.clamp(0, i64::from(MOST));
        Ok(Self { skip: usize::try_from(start - 1).unwrap_or(0), count: usize::try_from(count).unwrap_or(0) })
    }
}

/// What is listed.
struct Query {
    kind: Kind,
    filter: Option<Matcher>,
    sort: Option<(Place, bool)>,
    projection: Projection,
}

impl Query {
    fn of(kind: Kind, parameters: &Map<String, Value>) -> Result<Self, Failure> {
        let text =
            |name: &str| parameters.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let wrong = |error: String| Failure::new(ScimType::InvalidFilter, format!("`filter`: {error}"));
        let filter = match text("filter") {
            Some(text) => {
                let filter = filter::parse(text).map_err(wrong)?;
                Some(Matcher::of(&filter, kind.schemas()).map_err(wrong)?)
            }
            None => None,
        };
        let sort = match text("sortby") {
            Some(path) => {
                let found = kind.schemas().find(path);
                let place = found.and_then(|found| {
                    let extension = found.extension.map(|schema| schema.id);
                    Some(Place { extension, attribute: found.attribute?, sub: found.sub })
                });
                let Some(place) = place else {
                    let detail = format!("`sortBy`: there is no such attribute: `{path}`");
                    return Err(Failure::new(ScimType::InvalidPath, detail));
                };
                let descending =
                    text("sortorder").is_some_and(|order| order.eq_ignore_ascii_case("descending"));
                Some((place, descending))
            }
            None => None,
        };
        Ok(Self { kind, filter, sort, projection: Projection::of(parameters)? })
    }

    /// How many there are, and those in the window.
    async fn run(
        &self,
        control: &Control,
        client: &Client,
        window: Window,
    ) -> Result<(u64, Vec<Value>), Failure> {
        match self.kind {
            Kind::User => self.users(control, client, window).await,
            Kind::Group => self.groups(control, client, window).await,
        }
    }

    fn narrow(&self) -> Narrow {
        self.filter.as_ref().map_or(Narrow { whole: true, ..Narrow::default() }, Narrow::of)
    }

    async fn users(
        &self,
        control: &Control,
        client: &Client,
        window: Window,
    ) -> Result<(u64, Vec<Value>), Failure> {
        let (narrow, feed, store) = (self.narrow(), &client.feed, control.store());
        let mut asked = Users::of(feed.tenant, &feed.source);
        if let Some(id) = &narrow.id {
            let Ok(id) = id.parse::<UserId>() else { return Ok((0, Vec::new())) };
            asked.id = Some(id);
        }
        asked.username = narrow.user_name.clone();
        asked.external_id = narrow.external_id.clone();
        asked.active = narrow.active;
        // `displayName` and `members` are not asked of the database for users.
        let whole = narrow.whole && narrow.display_name.is_none() && narrow.member.is_none();
        let mut chosen = Chosen::new(self.sort, window, MOST_SORTED);
        if whole && self.sort.is_none() {
            let skip = u32::try_from(window.skip).unwrap_or(u32::MAX);
            let count = u32::try_from(window.count).unwrap_or(MOST);
            chosen.total = provisioned::count_users(store, &asked).await?;
            if count > 0 {
                chosen.found = provisioned::list_users(store, &asked, skip, count).await?;
            }
        } else {
            let (mut turn, mut first) = (None, true);
            let (base, mut after, mut looked_at) = (base(control), None, 0);
            let by_groups = self.filter.as_ref().is_some_and(|filter| filter.mentions("groups"));
            loop {
                // Not for what is found among a few, as one user of a name.
                if !std::mem::take(&mut first) && turn.is_none() {
                    turn = Some(control.turns().take(feed, TIME).await?);
                }
                let page = provisioned::list_users_after(store, &asked, after, AT_ONCE).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.id);
                looked_at += page.len();
                if looked_at > MOST_LOOKED_AT {
                    return Err(too_many(format!(
                        "more than {MOST_LOOKED_AT} users would have to be looked at; filter by `userName eq`, `externalId eq` or `id eq`"
                    )));
                }
                for (record, said) in page {
                    if let Some(turn) = &mut turn {
                        turn.go_on().await?;
                    }
                    let fed = Fed { record, said };
                    let mut resource =
                        users::shown(users::writable(&fed.record, fed.said.as_ref()), &fed, &base);
                    if by_groups
                        && let Some(groups) = users::groups(control, client, fed.record.id, &base).await?
                    {
                        resource.insert("groups".to_owned(), groups);
                    }
                    if self.filter.as_ref().is_none_or(|filter| filter.holds(&resource)) {
                        chosen.take(&resource, (fed.record, fed.said))?;
                    }
                }
            }
        }
        let (total, found) = chosen.end();
        let mut resources = Vec::with_capacity(found.len());
        for (record, said) in found {
            let fed: Fed<User> = Fed { record, said };
            resources.extend(of_user(control, client, &fed, &self.projection).await?.body);
        }
        Ok((total, resources))
    }

    async fn groups(
        &self,
        control: &Control,
        client: &Client,
        window: Window,
    ) -> Result<(u64, Vec<Value>), Failure> {
        let (narrow, feed, base) = (self.narrow(), &client.feed, base(control));
        let mut asked = Teams::of(feed.tenant, &feed.source);
        if let Some(id) = &narrow.id {
            let Ok(id) = id.parse() else { return Ok((0, Vec::new())) };
            asked.id = Some(id);
        }
        if let Some(id) = &narrow.member {
            let Ok(id) = id.parse() else { return Ok((0, Vec::new())) };
            asked.member = Some(id);
        }
        asked.shown = narrow.display_name.clone();
        asked.external_id = narrow.external_id.clone();
        let by_members = self.filter.as_ref().is_some_and(|filter| filter.mentions("members"));
        let mut chosen = Chosen::new(self.sort, window, usize::try_from(MOST_TEAMS).unwrap_or(usize::MAX));
        let mut looked_at = 0;
        let teams = provisioned::list_teams(control.store(), &asked).await?;
        let looks = (self.filter.is_some() || self.sort.is_some()) && teams.len() > AT_ONCE as usize;
        let mut turn = if looks { Some(control.turns().take(feed, TIME).await?) } else { None };
        for (record, said) in teams {
            if let Some(turn) = &mut turn {
                turn.go_on().await?;
            }
            let fed: Fed<Team> = Fed { record, said };
            let mut resource = groups::writable(&fed.record, fed.said.as_ref());
            if self.filter.is_some() || self.sort.is_some() {
                let state = groups::state(control, fed.record.id).await?;
                resource = groups::shown(resource, &fed, state, &base);
            }
            if by_members {
                let members = groups::members(control, fed.record.id, MOST_MEMBERS - looked_at).await?;
                looked_at += members.len();
                resource.insert("members".to_owned(), groups::listed(&members, &base));
            }
            if self.filter.as_ref().is_none_or(|filter| filter.holds(&resource)) {
                chosen.take(&resource, (fed.record, fed.said))?;
            }
        }
        let (total, found) = chosen.end();
        let mut resources = Vec::with_capacity(found.len());
        let mut members = 0;
        for (record, said) in found {
            let fed = Fed { record, said };
            let resource = of_group(control, &fed, &self.projection).await?.body;
            let listed =
                resource.as_ref().and_then(|resource| resource.get("members")?.as_array().map(Vec::len));
            members += listed.unwrap_or(0);
            if members > MOST_MEMBERS {
                return Err(too_many(format!(
                    "more than {MOST_MEMBERS} members in one answer; ask with `excludedAttributes=members`"
                )));
            }
            resources.extend(resource);
        }
        Ok((total, resources))
    }
}

fn too_many(detail: String) -> Failure {
    Failure::new(ScimType::TooMany, detail)
}

/// What was found, in the order that was asked for; of what is not sorted only the window is kept.
struct Chosen<R> {
    sort: Option<(Place, bool)>,
    window: Window,
    most: usize,
    total: u64,
    found: Vec<R>,
    keys: Vec<Option<Value>>,
    kept: usize,
}

impl<R> Chosen<R> {
    fn new(sort: Option<(Place, bool)>, window: Window, most: usize) -> Self {
        Self { sort, window, most, total: 0, found: Vec::new(), keys: Vec::new(), kept: 0 }
    }

    fn take(&mut self, resource: &Map<String, Value>, record: R) -> Result<(), Failure> {
        let place = usize::try_from(self.total).unwrap_or(usize::MAX);
        self.total += 1;
        match self.sort {
            Some((by, _)) => {
                self.kept += weight::of_map(resource);
                if self.found.len() >= self.most || self.kept > MOST_KEPT {
                    return Err(too_many(format!(
                        "more than {} resources, or {} MiB of them, would have to be sorted; leave out `sortBy`, or filter",
                        self.most,
                        MOST_KEPT >> 20
                    )));
                }
                self.keys.push(by.first(resource).cloned());
                self.found.push(record);
            }
            None if place >= self.window.skip && self.found.len() < self.window.count => {
                self.found.push(record)
            }
            None => {}
        }
        Ok(())
    }

    fn end(self) -> (u64, Vec<R>) {
        let Some((by, descending)) = self.sort else { return (self.total, self.found) };
        let mut sorted: Vec<_> = self.keys.into_iter().zip(self.found).collect();
        // Who has no value comes last, and first when descending (RFC 7644 §3.4.2.3).
        sorted.sort_by(|(a, _), (b, _)| {
            let order = match (a, b) {
                (Some(a), Some(b)) => by.order(a, b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            if descending { order.reverse() } else { order }
        });
        let window = sorted.into_iter().skip(self.window.skip).take(self.window.count);
        (self.total, window.map(|(_, record)| record).collect())
    }
}
