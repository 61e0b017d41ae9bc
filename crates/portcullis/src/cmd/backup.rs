//! `portcullis backup`: the embedded database and the keys beside it.

use crate::cli::{Globals, Run};
use crate::client::Client;
use crate::failure::{Done, Failure};
use crate::output;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Copy the embedded database and its keys into a new directory
#[derive(Args, Debug)]
#[command(after_help = "\
Works beside a running `serve`; the copy is consistent. It holds the signing key, the pepper
and the secrets key: keep it as you keep those. With PostgreSQL, back the database up with
its own tools, and copy the key files of the data directory.

Example:
  portcullis backup /var/backups/portcullis/2026-11-22
  portcullis restore /var/backups/portcullis/2026-11-22 --data-dir /var/lib/portcullis")]
pub struct Backup {
    /// The directory to make; it must not be there, or be empty
    to: PathBuf,
}

impl Run for Backup {
    const NAME: &'static str = "backup";

    fn run(self, globals: &Globals) -> Done {
        // The server has another working directory.
        let to = std::path::absolute(&self.to).map_err(|error| {
            Failure::usage(format!("cannot tell where this is: {error}")).at(self.to.display().to_string())
        })?;
        super::on_client(globals, async |client: &Client| {
            let value = client.post("/admin/v1/backups", json!({ "to": to })).await?;
            output::show(globals.output, &value)
        })
    }
}
