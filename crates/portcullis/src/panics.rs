//! Panics, as the process tells of them: each in the log, with its place, and in a metric.
//!
//! What a panic says is left out where it was put together while running: it may quote what it stumbled over, and that may
//! be somebody's prompt. Not here: what becomes of the call or the job that panicked (`fault::defect`).

use portcullis_fault::Defect;
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};

/// From here on each panic is told of. Once per process, when metrics are collected.
pub fn tell() {
    metrics::describe_counter!("portcullis_panics_total", "defects of the gateway that made something panic");
    // Looked up here: whoever panics may hold whatever it takes.
    let counter = metrics::counter!("portcullis_panics_total");
    std::panic::set_hook(Box::new(move |info| {
        counter.increment(1);
        let defect = Defect::noted(info);
        let thread = std::thread::current();
        let (thread, said) = (thread.name().unwrap_or_default(), said(info.payload()));
        // Of functions, files and lines only; taken where the environment asks for it (`RUST_BACKTRACE=1`).
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(%defect, said, thread, backtrace, "something panicked; please report this line");
    }));
}

/// What a panic says, where that is a part of the program's text.
fn said(payload: &dyn Any) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("left out: it may quote what was being worked on")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_place_is_told_and_what_was_met_is_not() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let prompt = "a prompt: ö".to_owned();
        let (first, second) = tracing::subscriber::with_default(lines, || {
            // The hook is the process's: put back at once.
            let before = std::panic::take_hook();
            tell();
            let first = portcullis_fault::defect::catch(|| prompt[..prompt.len() - 1].len());
            let second = portcullis_fault::defect::catch::<()>(|| panic!("a part of the program"));
            std::panic::set_hook(before);
            (first.unwrap_err(), second.unwrap_err())
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains(&first.to_string()) && text.contains(&second.to_string()), "{text}");
        assert!(text.contains("crates/portcullis/src/panics.rs:"), "{text}");
        assert!(text.contains("a part of the program") && text.contains("left out"), "{text}");
        assert!(!text.contains("a prompt"), "{text}");
    }
}
