//! A panic that was caught: a defect of ours, and where it is.
//!
//! What a panic says is not kept. It may quote what it stumbled over (an index into a text quotes the text), and that may be
//! somebody's prompt. Not here: who is told. The binary's hook notes panics ([`Defect::noted`]), and whoever catches one
//! turns it into a refusal or a line in the log.

use crate::{Fault, codes};
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

thread_local! {
    /// The last panic of this thread that nobody has caught yet.
    static LAST: RefCell<Option<Defect>> = const { RefCell::new(None) };
}

/// A panic, by its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defect {
    /// File, line and column; unknown where no hook notes panics.
    place: Option<Arc<str>>,
}

impl Defect {
    /// For a panic hook: notes the panic, so that whoever catches it on this thread knows its place.
    pub fn noted(info: &PanicHookInfo<'_>) -> Self {
        let noted = Self { place: info.location().map(|at| at.to_string().into()) };
        // A thread that is ending has no place for this any more, and nobody who would ask.
        let _ = LAST.try_with(|last| last.replace(Some(noted.clone())));
        noted
    }

    /// The panic that this thread is unwinding from; `None`: it is not.
    pub fn unwinding() -> Option<Self> {
        std::thread::panicking()
            .then(|| LAST.try_with(|last| last.borrow().clone()).ok().flatten().unwrap_or_default())
    }

    fn caught() -> Self {
        LAST.try_with(RefCell::take).ok().flatten().unwrap_or_default()
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "a defect of the gateway: it panicked at {place}"),
            None => f.write_str("a defect of the gateway: it panicked"),
        }
    }
}

impl std::error::Error for Defect {}

impl From<Defect> for Fault {
    fn from(defect: Defect) -> Self {
        Self::new(codes::INTERNAL).context(defect.to_string())
    }
}

/// Does `work`, and outlives its panic. Costs nothing where there is none. What `work` was changing may be half changed:
/// whoever catches gives it up, or knows that it does not matter.
///
/// # Errors
/// It panicked.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Defect> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Defect::caught())
}

/// What `future` comes to, or that it panicked. It is not polled again then.
pub async fn outlive<F: Future + Unpin>(mut future: F) -> Result<F::Output, Defect> {
    std::future::poll_fn(|cx| match catch(|| Pin::new(&mut future).poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(defect) => Poll::Ready(Err(defect)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_works_is_left_alone() {
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(now(outlive(pin!(async { 7 }))), Poll::Ready(Ok(7)));
        assert!(now(outlive(std::future::pending::<()>())).is_pending());
    }

    #[test]
    fn a_panic_is_caught_where_it_is_and_says_nothing_of_what_it_met() {
        struct Witness(Arc<std::sync::Mutex<Option<Defect>>>);
        impl Drop for Witness {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = Defect::unwinding();
            }
        }
        // The hook is the process's: put back at once. Other tests' panics only note where they are.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|info| drop(Defect::noted(info))));
        let text = "a secret: ö".to_owned();
        let seen = Arc::new(std::sync::Mutex::new(None));
        let witness = Witness(seen.clone());
        let defect = catch(move || {
            let _witness = witness;
            text[..text.len() - 1].len()
        });
        let later = now(outlive(pin!(async {
            let none: Option<u8> = std::hint::black_box(None);
            none.unwrap()
        })));
        std::panic::set_hook(before);
        let defect = defect.unwrap_err();
        assert_eq!(seen.lock().unwrap().as_ref(), Some(&defect), "known while it unwinds");
        let Poll::Ready(Err(later)) = later else { panic!("{later:?}") };
        assert_ne!(defect, later);
        assert_eq!(Defect::unwinding(), None);
        let fault = Fault::from(defect);
        assert_eq!((fault.code(), fault.public_detail()), (codes::INTERNAL, codes::INTERNAL.title()));
        let said = fault.private_context().unwrap();
        assert!(said.contains("crates/fault/src/defect.rs:") && !said.contains("secret"), "{said}");
    }
}
