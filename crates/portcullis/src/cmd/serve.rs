//! `portcullis serve`: the gateway and its control plane, in one process.

use crate::app::App;
use crate::cli::{Globals, Run};
use crate::demo::Demo;
use crate::failure::{Done, Failure};
use clap::Args;

/// Run the gateway and its control plane
#[derive(Args, Debug)]
#[command(after_help = "\
Without a configuration file it serves with defaults on loopback: an empty gateway. The first
start makes the data directory, its keys, and an administrator credential in
`admin-credential`.

SIGTERM and SIGINT end it in order: no new calls, those under way finish (at most
`[gateway] drain`). SIGHUP, or a changed file, takes the new configuration over; a bad one
leaves the running one in force.

Examples:
  portcullis serve --demo
  portcullis serve --config /etc/portcullis/portcullis.toml --data-dir /var/lib/portcullis
  PORTCULLIS__GATEWAY__LISTEN=127.0.0.1:9000 portcullis serve")]
pub struct Serve {
    /// A tenant, a user, a key and a model that answers by itself, on loopback; data is gone at the end unless
    /// `--data-dir` is given
    #[arg(long, conflicts_with = "config")]
    demo: bool,
}

impl Run for Serve {
    const NAME: &'static str = "serve";

    fn run(self, globals: &Globals) -> Done {
        let loaded = globals.load()?;
        // The standard library's count knows cgroup quotas: a container with half a machine gets half its threads.
        let workers = loaded
            .config
            .gateway
            .workers
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            // What blocks is short (files) and bounded by its owners; threads that wait for nothing only cost memory.
            .max_blocking_threads(64)
            .thread_name("portcullis")
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot start threads: {error}")))?;
        runtime.block_on(async {
            let demo = if self.demo { Some(Demo::new(globals.data_dir.is_some())?) } else { None };
            let app = Box::pin(App::start(globals, loaded, demo)).await?;
            app.run().await
        })
    }
}
