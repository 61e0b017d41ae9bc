//! `portcullis restore`: a backup becomes a data directory.

use crate::cli::{Globals, Run};
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use portcullis_store::DataDir;
use serde_json::json;
use std::path::PathBuf;

/// Make a data directory from a backup
#[derive(Args, Debug)]
#[command(after_help = "\
Stop `portcullis serve` first: a data directory belongs to one process. What is in it is not
written over; name an empty one, or move the old one away.

Example:
  portcullis restore /var/backups/portcullis/2026-11-22 --data-dir /var/lib/portcullis")]
pub struct Restore {
    /// The directory that `portcullis backup` made
    from: PathBuf,
}

impl Run for Restore {
    const NAME: &'static str = "restore";

    fn run(self, globals: &Globals) -> Done {
        super::block_on(async {
            let loaded = globals.load()?;
            let refused = |error: portcullis_store::Error| {
                Failure::new(error.to_string())
                    .at(self.from.display().to_string())
                    .next("name a directory that `portcullis backup` made, and an empty `--data-dir`")
            };
            let data = DataDir::open(&loaded.config.storage.data_dir).map_err(refused)?;
            let restored = portcullis_store::restore(&self.from, &data).await.map_err(refused)?;
            let answer = json!({ "restored": data.path(), "made_by_release": restored.release, "files": restored.files });
            output::show(globals.output, &answer)
        })
    }
}
