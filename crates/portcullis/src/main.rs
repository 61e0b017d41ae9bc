//! The binary: `portcullis serve` and the commands around it.
//!
//! `app` builds everything; `cmd` has one file per verb; what they do is in the crates below.

mod app;
mod cli;
mod client;
mod cmd;
mod demo;
mod failure;
mod output;
mod panics;
mod reference;
mod telemetry;
mod watch;

use std::process::ExitCode;

// Under load the gateway's memory is mostly short-lived buffers of two sizes: mimalloc returns them to one another
// without a lock, and gives pages back when a burst is over.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, and a page of 2 MiB stays whole for one live object in it: without them the
    // process is a third smaller when idle and with many open streams. A kernel that has none needs not be told.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // A variable that is not text can be no setting and no secret of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    cli::run(std::env::args_os(), environment)
}
