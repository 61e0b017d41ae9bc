//! What a page is about: a code, or a message that several codes share; and the page in its three forms.

use super::messages::{self, Checked, Message, READ_ON, Status, Why};
use super::umbrella::Umbrella;
use super::{Language, evidence, markdown};
use crate::{Blame, Code, Retry};
use serde_json::{Value, json};
use std::fmt::Write;

/// What a page is about.
#[derive(Clone, Copy)]
pub enum Topic {
    /// A code of the catalogue.
    Code(Code),
    /// A message that several codes share.
    Umbrella(&'static Umbrella),
}

impl Topic {
    /// The topic of this name.
    pub fn find(name: &str) -> Option<Self> {
        Code::find(name).map(Self::Code).or_else(|| super::umbrella::find(name).map(Self::Umbrella))
    }

    /// Its name in the address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Code(code) => code.name(),
            Self::Umbrella(umbrella) => umbrella.slug,
        }
    }

    /// What it means, in one sentence.
    pub fn title(self, language: Language) -> &'static str {
        match self {
            Self::Code(code) => super::title(code, language),
            Self::Umbrella(umbrella) => umbrella.title(language),
        }
    }

    /// The page's source.
    pub fn source(self, language: Language) -> &'static str {
        match self {
            Self::Code(code) => code.page(language == Language::Chinese),
            Self::Umbrella(umbrella) => umbrella.source(language),
        }
    }

    /// What other libraries and servers say for it.
    pub fn messages(self) -> Vec<&'static Message> {
        match self {
            Self::Code(code) => messages::of(code),
            Self::Umbrella(umbrella) => messages::under(umbrella.slug),
        }
    }

    /// The page's facts, as words and values: Markdown, with links to other pages in the source's own form.
    pub fn facts(self, language: Language) -> Vec<(&'static str, String)> {
        let tag = language.tag();
        let link = |code: &Code| format!("[{0}]({0}.{tag}.md)", code.name());
        let mut facts = Vec::new();
        match self {
            Self::Code(code) => {
                facts.push((language.pick("Status", "状态码"), code.status().to_string()));
                facts.push((language.pick("Whose turn", "由谁处理"), who(code, language).to_owned()));
                facts.push((language.pick("Try again", "重试"), again(code, language).to_owned()));
                if code.public() != code {
                    facts.push((language.pick("Callers see", "调用方看到的是"), link(&code.public())));
                }
            }
            Self::Umbrella(umbrella) => {
                let codes: Vec<String> = umbrella.codes.iter().map(link).collect();
                facts.push((language.pick("Umbrella for", "可能对应的错误码"), codes.join(" ")));
            }
        }
        // One line for the whole page: shares by cause and remedy are shown when there are cases behind them.
        facts.push((
            language.pick("Shares", "占比"),
            language
                .pick(
                    "not measured (0 cases); causes and remedies follow from the checks and the standards",
                    "未测量（0 个案例）；原因与做法依据检查本身与标准得出",
                )
                .to_owned(),
        ));
        facts
    }

    /// The source with its facts under the title and the messages at its end.
    pub fn markdown(self, language: Language) -> String {
        let source = evidence::shown(self.source(language), language);
        let (title, rest) = source.split_once('\n').unwrap_or_default();
        let facts: Vec<String> =
            self.facts(language).iter().map(|(name, value)| format!("**{name}** {value}")).collect();
        format!("{title}\n\n{}\n{rest}{}", facts.join(" · "), self.message_section(language))
    }

    /// The section about other libraries' messages; empty when there are none.
    pub fn message_section(self, language: Language) -> String {
        let messages = self.messages();
        if messages.is_empty() {
            return String::new();
        }
        let mut out = match language {
            Language::English => format!(
                "\n## Messages of other libraries\n\nReleases were read on {READ_ON}. A message was introduced by the first release that says it and deprecated by the first that no longer does, of those in its registry that could be read. The last column says where the text was checked.\n\n| library | message | introduced | deprecated | status | checked in |\n|---|---|---|---|---|---|\n"
            ),
            Language::Chinese => format!(
                "\n## 其他库的消息\n\n各版本于 {READ_ON} 读取。在软件源中可读取的版本里，引入版本是第一个含有该消息的版本，弃用版本是第一个不再含有它的版本。最后一列说明在何处核对过该消息。\n\n| 库 | 消息 | 引入版本 | 弃用版本 | 状态 | 核对依据 |\n|---|---|---|---|---|---|\n"
            ),
        };
        for message in messages {
            let mut cell = format!("`{}`", message.text);
            if let Some((english, chinese)) = message.note {
                let _ = write!(cell, " {}", language.pick(english, chinese));
            }
            if let Some(slug) = message.umbrella.filter(|slug| *slug != self.name()) {
                let _ = write!(cell, " → [{slug}]({slug}.{}.md)", language.tag());
            }
            let (introduced, deprecated) = versions(message, language);
            let _ = writeln!(
                out,
                "| {} | {cell} | {introduced} | {deprecated} | {} | {} |",
                message.library,
                status(message.status(), language),
                checked(message, language)
            );
        }
        out
    }

    /// The row's facts for programs.
    pub fn summary(self, language: Language) -> Value {
        match self {
            Self::Code(code) => {
                let mut facts = json!({
                    "code": code.name(),
                    "status": code.status(),
                    "title": self.title(language),
                    "blame": code.blame().as_str(),
                    "retry": code.retry().as_str(),
                });
                if code.public() != code {
                    facts["shown_to_callers_as"] = json!(code.public().name());
                }
                facts
            }
            Self::Umbrella(umbrella) => json!({
                "umbrella": umbrella.slug,
                "title": self.title(language),
                "codes": umbrella.codes.iter().map(|code| code.name()).collect::<Vec<_>>(),
            }),
        }
    }

    /// The page for programs.
    pub fn document(self, language: Language) -> Value {
        let mut document = self.summary(language);
        document["language"] = json!(language.tag());
        document["evidence"] = json!({ "share": null, "confidence": null, "cases": 0 });
        for (name, list) in evidence::documents(self.source(language)) {
            document[name] = list;
        }
        document["sections"] = markdown::sections(self.source(language))
            .map(|(heading, text)| json!({ "heading": heading, "markdown": text }))
            .collect();
        document["messages"] = self.messages().into_iter().map(|message| row(message, language)).collect();
        document
    }
}

/// A message for programs.
pub fn row(message: &Message, language: Language) -> Value {
    let releases = message.releases();
    let status = match message.status() {
        Status::InUse => ("in use", None),
        Status::Changed(_) => ("changed", None),
        Status::Gone(_) => ("gone", None),
        Status::NotDetermined(why) => ("not determined", Some(because(why, Language::English))),
    };
    json!({
        "library": message.library,
        "message": message.text,
        "codes": message.codes.iter().map(|code| code.name()).collect::<Vec<_>>(),
        "page": message.page(),
        "introduced": releases.map(|(_, found)| found.first),
        "not_yet_in": releases.and_then(|(_, found)| found.before),
        "deprecated": releases.and_then(|(_, found)| found.gone),
        "status": status.0,
        "not_determined_because": status.1,
        "checked_in": checked(message, Language::English),
        "releases": releases.map(|(releases, _)| json!({
            "packages": releases.packages,
            "oldest": releases.oldest,
            "newest": releases.newest,
            "read_on": READ_ON,
        })),
        "note": message.note.map(|(english, chinese)| language.pick(english, chinese)),
    })
}

/// The releases that brought a message and ended it, in words.
fn versions(message: &Message, language: Language) -> (String, &'static str) {
    let unknown = language.pick("not determined", "未确定");
    let Some((_, found)) = message.releases() else {
        return (unknown.to_owned(), unknown);
    };
    let introduced = match (found.before, language) {
        (Some(before), Language::English) => format!("{} (not in {before})", found.first),
        (Some(before), Language::Chinese) => format!("{}（{before} 中没有）", found.first),
        (None, _) => format!("{} {}", found.first, language.pick("or before", "或更早")),
    };
    (introduced, found.gone.unwrap_or(language.pick("no", "否")))
}

/// Whether a message is still said, in words.
fn status(status: Status, language: Language) -> String {
    match status {
        Status::InUse => language.pick("in use", "使用中").to_owned(),
        Status::Changed(version) => format!("{} {version}", language.pick("changed in", "已改动，自")),
        Status::Gone(version) => format!("{} {version}", language.pick("gone since", "已移除，自")),
        Status::NotDetermined(why) => match language {
            Language::English => format!("not determined: {}", because(why, language)),
            Language::Chinese => format!("未确定：{}", because(why, language)),
        },
    }
}

/// Why the releases of a message are not known, in words.
fn because(why: Why, language: Language) -> &'static str {
    match why {
        Why::Registry => language.pick("its registry was not asked", "未查询其软件源"),
        Why::Unpackaged => language.pick("not published as a package", "不以软件包形式发布"),
        Why::Hosted => language.pick("a hosted service without visible versions", "托管服务，看不到版本"),
        Why::Common => language.pick("said by many programs", "许多程序都这样说"),
    }
}

/// How a message was checked, in words: the last release that says it, where releases were read.
fn checked(message: &Message, language: Language) -> &'static str {
    match message.checked {
        // Each has its release: a test holds it.
        Checked::Released => message.releases().map_or("", |(_, found)| found.last),
        Checked::Sources => language.pick("public sources", "公开源码"),
        Checked::Reports => language.pick("public reports", "公开报告"),
    }
}

/// Whose turn it is, in words.
pub fn who(code: Code, language: Language) -> &'static str {
    match code.blame() {
        Blame::Caller => language.pick("the caller", "调用方"),
        Blame::Administrator => language.pick("an administrator", "管理员"),
        Blame::Operator => language.pick("whoever runs this gateway", "网关运维人员"),
        Blame::Upstream => {
            language.pick("whoever runs the service behind the gateway", "网关后方服务的负责人")
        }
    }
}

/// Whether trying again helps, in words.
fn again(code: Code, language: Language) -> &'static str {
    match code.retry() {
        Retry::No => language.pick("not without a change", "不改变条件重试无效"),
        Retry::Later => language.pick("after `Retry-After`", "在 `Retry-After` 之后"),
        Retry::Now => {
            language.pick("at once, when the method is safe to repeat", "方法可安全重复时可立即重试")
        }
    }
}
