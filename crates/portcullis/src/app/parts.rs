//! What a process that serves is made of while it runs: parts that are missed, by name, when one ends by itself.
//!
//! What a part does is in the crates below. A part that panics ends the process in order where the others would go on with
//! less than they promise (who may call, what is recorded); where they would not, it begins again.

use portcullis_fault::Defect;
use portcullis_fault::defect::outlive;
use std::fmt;
use std::time::Duration;
use tokio::task::JoinSet;

/// How soon a part begins again.
const AGAIN: Duration = Duration::from_secs(1);

/// Parts that live as long as the process.
#[derive(Default)]
pub struct Parts(JoinSet<Ended>);

/// A part that ended.
#[derive(Debug)]
pub struct Ended {
    name: &'static str,
    why: Result<(), Defect>,
}

impl Parts {
    /// Begins a part that nothing goes on without.
    pub fn begin(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(async move { Ended { name, why: outlive(Box::pin(work)).await } });
    }

    /// Begins a part that begins again when it panics.
    pub fn begin_again<F>(&mut self, name: &'static str, work: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(async move {
            while let Err(defect) = outlive(Box::pin(work())).await {
                tracing::error!(part = name, %defect, "a part of the process panicked; it begins again");
                tokio::time::sleep(AGAIN).await;
            }
            Ended { name, why: Ok(()) }
        });
    }

    /// The next part that ends; `None`: there is none left.
    pub async fn next(&mut self) -> Option<Ended> {
        // Nobody cancels a part, and what panics is outlived: each ends with its name.
        while let Some(ended) = self.0.join_next().await {
            if let Ok(ended) = ended {
                return Some(ended);
            }
        }
        None
    }

    /// Waits until all have ended.
    pub async fn finish(&mut self) {
        while let Some(ended) = self.next().await {
            if ended.why.is_err() {
                tracing::error!("a part of the process failed: {ended}");
            }
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Ok(()) => write!(f, "`{}` ended without a reason", self.name),
            Err(defect) => write!(f, "`{}` is {defect}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_part_that_ends_is_missed_by_its_name() {
        let mut parts = Parts::default();
        parts.begin("lives", std::future::pending());
        parts.begin("ends", async {});
        assert_eq!(parts.next().await.unwrap().to_string(), "`ends` ended without a reason");
        parts.begin("panics", async { panic!("what it says is nobody's business") });
        let said = parts.next().await.unwrap().to_string();
        assert!(said.starts_with("`panics` is a defect of the gateway: it panicked"), "{said}");
        assert!(!said.contains("nobody's business"), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_begin_again_does() {
        let mut parts = Parts::default();
        let tries = Arc::new(AtomicU32::new(0));
        let counted = tries.clone();
        parts.begin_again("stumbles", move || {
            let tries = counted.clone();
            async move { assert!(tries.fetch_add(1, Ordering::SeqCst) >= 3, "what it says is nobody's business") }
        });
        assert_eq!(parts.next().await.unwrap().to_string(), "`stumbles` ended without a reason");
        assert_eq!(tries.load(Ordering::SeqCst), 4);
        assert!(parts.next().await.is_none());
    }
}
