//! What is wrong with a configuration: every problem, each at its place, with what to do about it.

use crate::Place;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Problems beyond this many are counted and not shown: the first ones explain the rest.
const SHOWN: usize = 50;

/// Everything that is wrong with a configuration; at least one problem.
///
/// `Display` is one line per problem, for logs; [`Errors::report`] shows the lines of the file, for terminals.
#[derive(Clone, Debug)]
pub struct Errors {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone)]
pub struct Problem {
    /// Path of the setting: `services[0].path`; empty for the file as a whole.
    pub at: String,
    /// Where that is written.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where that is not plain.
    pub help: Option<String>,
    excerpt: Option<Excerpt>,
}

/// The text to show around a problem. Secrets in it are masked.
#[derive(Clone)]
pub(crate) struct Excerpt {
    pub source: Arc<NamedSource<String>>,
    pub span: Range<usize>,
}

/// Something that works and is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Path of the setting.
    pub at: String,
    /// What it is about and what to do.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl Errors {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        debug_assert!(!problems.is_empty(), "an error says what is wrong");
        Self { problems }
    }

    /// A problem of the file as a whole: it cannot be read, it is not text.
    pub(crate) fn whole(message: String, help: Option<&str>) -> Self {
        Self::new(vec![Problem::new(String::new(), Place::Unwritten, message, help.map(str::to_owned), None)])
    }

    /// The problems in the order of the file; those of the environment first.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// For a terminal: each problem with the lines that it is about.
    pub fn report(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler =
            GraphicalReportHandler::new_themed(theme).with_width(110).with_context_lines(1).with_links(false);
        let mut text = String::new();
        for problem in self.problems.iter().take(SHOWN) {
            if !text.is_empty() {
                text.push('\n');
            }
            if problem.excerpt.is_none() && problem.place != Place::Unwritten {
                text.push_str(&format!("  {}\n", problem.place));
            }
            if handler.render_report(&mut text, problem).is_err() {
                text.push_str(&problem.line());
            }
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        text.push_str(&self.tail());
        text
    }

    fn tail(&self) -> String {
        match self.problems.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("and {more} more problems\n"),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(SHOWN).enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problem.line())?;
        }
        if self.problems.len() > SHOWN {
            write!(f, "\n{}", self.tail().trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl Diagnostic for Errors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

impl Problem {
    pub(crate) fn new(
        at: String,
        place: Place,
        message: String,
        help: Option<String>,
        excerpt: Option<Excerpt>,
    ) -> Self {
        Self { at, place, message, help, excerpt }
    }

    /// Place, message and help on one line.
    pub fn line(&self) -> String {
        let help = self.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}: {}{help}", self.place, self.message)
    }

    /// The bytes of the file that it is about.
    pub fn span(&self) -> Option<Range<usize>> {
        self.excerpt.as_ref().map(|excerpt| excerpt.span.clone())
    }
}

/// The message alone: what shows it as a diagnostic adds the place and the help.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("at", &self.at)
            .field("place", &self.place)
            .field("message", &self.message)
            .field("help", &self.help)
            .finish()
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| &*excerpt.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.excerpt.as_ref()?.span.clone();
        Some(Box::new(std::iter::once(LabeledSpan::underline(span))))
    }
}
