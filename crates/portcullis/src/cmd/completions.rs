//! `portcullis completions`: for shells.

use crate::cli::{self, Globals, Run};
use crate::failure::Done;
use crate::output;
use clap::Args;
use clap_complete::Shell;

/// Print the completions of a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portcullis completions bash > /etc/bash_completion.d/portcullis
  portcullis completions zsh > ~/.zfunc/_portcullis
  portcullis completions fish > ~/.config/fish/completions/portcullis.fish")]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Run for Completions {
    const NAME: &'static str = "completions";

    fn run(self, _: &Globals) -> Done {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut cli::command(), "portcullis", &mut text);
        output::write(&String::from_utf8_lossy(&text))
    }
}
