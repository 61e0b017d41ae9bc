//! An error as a person at a terminal, or a script, reads it: what is wrong, where, and what to do next.

use crate::cli::Output;
use portcullis_model::Problem;
use serde_json::json;
use std::fmt::Write;

/// The result of a command.
pub type Done<T = ()> = Result<T, Failure>;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    what: String,
    at: Option<String>,
    next: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
    problems: Vec<Problem>,
    usage: bool,
}

impl Failure {
    /// Something failed; exit code 1.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            what: what.into(),
            at: None,
            next: None,
            code: None,
            request_id: None,
            problems: Vec::new(),
            usage: false,
        }))
    }

    /// The command was called wrongly; exit code 2.
    pub fn usage(what: impl Into<String>) -> Self {
        let mut failure = Self::new(what);
        failure.0.usage = true;
        failure
    }

    /// Where: a file, an address, a member.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.0.at = Some(at.into());
        self
    }

    /// What to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = Some(next.into());
        self
    }

    /// The catalogue code behind it.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.0.code = Some(code.to_owned());
        self
    }

    /// Whether this code is behind it.
    pub fn is(&self, code: &str) -> bool {
        self.0.code.as_deref() == Some(code)
    }

    /// The request that was refused, for the server's log.
    #[must_use]
    pub fn request(mut self, id: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self
    }

    /// The single problems behind it, for whoever shows them otherwise.
    #[must_use]
    pub fn because(mut self, problems: Vec<Problem>) -> Self {
        self.0.problems = problems;
        self
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The single problems behind it; itself, when it is the only one.
    pub fn problems(&self) -> Vec<Problem> {
        if self.0.problems.is_empty() {
            return vec![Problem::new(self.0.at.clone().unwrap_or_default(), self.0.what.clone())];
        }
        self.0.problems.clone()
    }

    /// 1, or 2 for wrong usage.
    pub fn exit_code(&self) -> u8 {
        if self.0.usage { 2 } else { 1 }
    }

    /// As it is written to stderr.
    pub fn render(&self, output: Output) -> String {
        let Inner { what, at, next, code, request_id, problems, .. } = &*self.0;
        if output == Output::Json {
            let mut body = json!({ "what": what });
            for (member, value) in [("where", at), ("next", next), ("code", code), ("request_id", request_id)]
            {
                if let Some(value) = value {
                    body[member] = json!(value);
                }
            }
            if !problems.is_empty() {
                let each = |Problem { at, message }: &Problem| json!({ "at": at, "message": message });
                body["problems"] = problems.iter().map(each).collect();
            }
            return format!("{}\n", json!({ "error": body }));
        }
        let mut text = format!("error: {what}\n");
        for (label, value) in [("where", at), ("code", code), ("request", request_id), ("next", next)] {
            if let Some(value) = value {
                // Infallible: writing into a String.
                let _ = writeln!(text, "  {label}: {value}");
            }
        }
        text
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_next() {
        let failure = Failure::new("cannot bind").at("127.0.0.1:8080").next("stop what listens there");
        assert_eq!(
            failure.render(Output::Text),
            "error: cannot bind\n  where: 127.0.0.1:8080\n  next: stop what listens there\n"
        );
        let told: serde_json::Value = serde_json::from_str(&failure.render(Output::Json)).unwrap();
        assert_eq!(
            told,
            json!({ "error": { "what": "cannot bind", "where": "127.0.0.1:8080", "next": "stop what listens there" } })
        );
        assert_eq!((failure.exit_code(), Failure::usage("x").exit_code()), (1, 2));
        let failure = failure.because(vec![Problem::new("a.b", "is wrong")]);
        let told: serde_json::Value = serde_json::from_str(&failure.render(Output::Json)).unwrap();
        assert_eq!(told["error"]["problems"], json!([{ "at": "a.b", "message": "is wrong" }]));
    }
}
