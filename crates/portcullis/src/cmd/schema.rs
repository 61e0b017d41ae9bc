//! `portcullis schema`: the configuration file's JSON schema, for editors.

use crate::cli::{Globals, Run};
use crate::failure::Done;
use crate::output;
use clap::Args;

/// Print the JSON schema of the configuration file
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portcullis schema > portcullis.schema.json
      then, as the first line of the file:  #:schema ./portcullis.schema.json")]
pub struct Schema {}

impl Run for Schema {
    const NAME: &'static str = "schema";

    fn run(self, _: &Globals) -> Done {
        output::json(&portcullis_config::schema())
    }
}
