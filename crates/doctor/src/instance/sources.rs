//! User sources as this process can use them: reached over TLS where they are to be, signed in to, and asked, by each
//! source's own test.

use portcullis_identity::SourceAtHand;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A user source that was tried.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceSeen {
    /// Its name in the configuration.
    pub name: String,
    /// `sql`, `http` or `ldap`.
    pub kind: String,
    /// What was seen, a line each: connected, signed in, what can be read.
    pub lines: Vec<String>,
    /// What does not work, and what to do.
    pub problem: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// For one source, all its servers together.
const PATIENCE: Duration = Duration::from_secs(15);
/// Sources that are tried; the names of the others are told.
const MOST: usize = 32;

/// Tries sources, all at once; in their order.
pub(crate) async fn probe(sources: Vec<SourceAtHand>) -> Vec<SourceSeen> {
    let mut tasks = JoinSet::new();
    let mut seen: Vec<(usize, SourceSeen)> = Vec::new();
    for (at, source) in sources.into_iter().enumerate() {
        if at >= MOST {
            let problem = format!("not tried: no more than {MOST} are; use `portcullis source test`");
            seen.push((at, SourceSeen { problem: Some(problem), ..blank(&source) }));
            continue;
        }
        tasks.spawn(async move { (at, one(&source, PATIENCE).await) });
    }
    while let Some(done) = tasks.join_next().await {
        seen.extend(done.ok());
    }
    seen.sort_by_key(|(at, _)| *at);
    seen.into_iter().map(|(_, seen)| seen).collect()
}

fn blank(source: &SourceAtHand) -> SourceSeen {
    let (name, kind) = (source.name.to_string(), source.kind.to_owned());
    SourceSeen { name, kind, lines: Vec::new(), problem: None, took_ms: 0 }
}

async fn one(source: &SourceAtHand, patience: Duration) -> SourceSeen {
    let began = Instant::now();
    let mut seen = blank(source);
    match tokio::time::timeout(patience, source.foreign.probe()).await {
        Ok(Ok(lines)) => seen.lines = lines,
        Ok(Err(failure)) => seen.problem = Some(failure.message),
        Err(_) => seen.problem = Some(format!("it did not answer within {} s", patience.as_secs_f32())),
    }
    seen.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use portcullis_identity::sources::foreign::{
        Batch, Cursor, Failure, Foreign, Freshness, Person, Wanted, Watermark,
    };
    use portcullis_model::Name;
    use std::sync::Arc;

    /// A source that is reached, refuses us, or never answers.
    struct Fake(Name, Option<Result<(), ()>>);

    #[async_trait]
    impl Foreign for Fake {
        fn name(&self) -> &Name {
            &self.0
        }
        async fn find(&self, _: &Wanted, _: Freshness) -> Result<Vec<Person>, Failure> {
            Ok(Vec::new())
        }
        async fn near(&self, _: &Wanted, _: &[String]) -> Result<Vec<Person>, Failure> {
            Ok(Vec::new())
        }
        async fn page(&self, _: Option<&Watermark>, _: Option<Cursor>) -> Result<Batch, Failure> {
            Ok(Batch::default())
        }
        async fn probe(&self) -> Result<Vec<String>, Failure> {
            match self.1 {
                Some(Ok(())) => Ok(vec!["connected".to_owned()]),
                Some(Err(())) => Err(Failure::refused("wrong password")),
                None => std::future::pending().await,
            }
        }
    }

    fn source(name: &str, answer: Option<Result<(), ()>>) -> SourceAtHand {
        let name = Name::new(name).unwrap();
        let foreign = Arc::new(Fake(name.clone(), answer));
        SourceAtHand { name, kind: "ldap", tenant: Name::new("acme").unwrap(), foreign }
    }

    #[tokio::test]
    async fn each_is_tried_by_itself_and_in_bounded_time() {
        let stuck = one(&source("stuck", None), Duration::from_millis(1)).await;
        assert!(stuck.problem.is_some_and(|problem| problem.contains("did not answer within")));
        let mut all = vec![source("bad", Some(Err(()))), source("good", Some(Ok(())))];
        all.extend((0..MOST).map(|n| source(&format!("more-{n}"), Some(Ok(())))));
        let seen = probe(all).await;
        assert_eq!(seen.len(), MOST + 2);
        assert_eq!((seen[0].name.as_str(), seen[0].problem.as_deref()), ("bad", Some("wrong password")));
        assert_eq!(
            (seen[1].lines.as_slice(), &seen[1].problem),
            (["connected".to_owned()].as_slice(), &None)
        );
        assert!(seen[MOST].problem.as_deref().is_some_and(|problem| problem.contains("not tried")));
    }
}
