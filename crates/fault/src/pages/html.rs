//! Pages for browsers: one file each, without script, font or image from anywhere, light or dark as the reader's system is.

use super::index::Index;
use super::topic::Topic;
use super::{Language, evidence, markdown};
use markdown::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2024;--soft:#60646c;--line:#d9d9e0;--back:#fff;--code:#f2f2f5;--link:#0b5cad}\
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--soft:#b0b4ba;--line:#363a3f;--back:#111113;--code:#212225;--link:#70b8ff}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:46rem;padding:1.5rem 1rem 4rem;background:var(--back);color:var(--ink);font:16px/1.6 system-ui,\"Noto Sans\",\"Noto Sans CJK SC\",\"PingFang SC\",\"Microsoft YaHei\",sans-serif}\
nav,footer{color:var(--soft);font-size:.875rem}nav{display:flex;gap:1rem;justify-content:space-between;flex-wrap:wrap}\
a{color:var(--link)}h1{font-size:1.6rem;line-height:1.25;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}h1+p{margin-top:0;font-size:1.125rem}\
h2{font-size:1.1rem;margin:2rem 0 .5rem}code{font:.875em ui-monospace,Menlo,Consolas,monospace;background:var(--code);padding:.1em .3em;border-radius:4px;overflow-wrap:anywhere}\
pre{background:var(--code);padding:.75rem 1rem;border-radius:6px;overflow-x:auto}pre code{padding:0;background:none;overflow-wrap:normal}\
li ul{list-style:none;margin:0 0 .5rem;padding:0;color:var(--soft)}\
dl{display:grid;grid-template-columns:fit-content(40%) 1fr;gap:.25rem 1rem;margin:1rem 0;padding:.75rem 1rem;border:1px solid var(--line);border-radius:6px}dt{color:var(--soft)}dd{margin:0}\
table{border-collapse:collapse;width:100%;font-size:.9375rem}th,td{text-align:left;vertical-align:top;min-width:4rem;padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}th{white-space:nowrap}td:first-child{overflow-wrap:anywhere;min-width:8rem}@media(min-width:46rem){td:first-child:nth-last-child(4){white-space:nowrap}}\
.table{overflow-x:auto}td:nth-child(2){overflow-wrap:anywhere}td:nth-child(2):nth-last-child(5){min-width:12rem}\
form{display:flex;gap:.5rem;margin:1rem 0}input{flex:1;min-width:0;font:inherit;padding:.4rem .6rem;color:var(--ink);background:var(--back);border:1px solid var(--soft);border-radius:6px}button{font:inherit;padding:.4rem .9rem;color:var(--ink);background:var(--code);border:1px solid var(--soft);border-radius:6px}";

/// The page of a topic, with `aside` (Markdown) under its facts.
pub fn page(topic: Topic, language: Language, aside: &str) -> String {
    let (name, sentence) = (topic.name(), topic.title(language));
    let link = |target: &str| target_url(target, "", language);
    let facts: String = topic
        .facts(language)
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), markdown::inline(value, &link)))
        .collect();
    let source = evidence::shown(topic.source(language), language);
    let rest = source.split_once('\n').map_or("", |(_, rest)| rest);
    let body = format!(
        "<h1><code>{name}</code></h1>\n<p>{}</p>\n<dl>{facts}</dl>\n{}{}{}",
        escape(sentence),
        markdown::to_html(aside, &link),
        markdown::to_html(rest, &link),
        markdown::to_html(&topic.message_section(language), &link)
    );
    frame(language, &format!("{name}: {sentence}"), name, "../errors/", "", &body)
}

/// The index. `base` leads from where it is served to the pages.
pub fn index(language: Language, index: &Index, base: &str) -> String {
    let link = |target: &str| target_url(target, base, language);
    let body = markdown::to_html(&index.markdown(language), &link);
    frame(language, language.pick("Codes", "错误码"), "index", base, &index.query, &body)
}

/// A link of the source as one between served pages: to pages in the same language, and to standards.
fn target_url(target: &str, base: &str, language: Language) -> Option<String> {
    if target.starts_with("https://") {
        return Some(target.to_owned());
    }
    let name = target.strip_suffix(".md")?.strip_suffix(language.tag())?.strip_suffix('.')?;
    Topic::find(name).map(|topic| format!("{base}{}.{}", topic.name(), language.tag()))
}

/// `lang` of the document.
pub const fn lang(language: Language) -> &'static str {
    language.pick("en", "zh-Hans")
}

/// `here` is the page's name, and `base` leads from where it is served to the pages.
fn frame(language: Language, heading: &str, here: &str, base: &str, query: &str, body: &str) -> String {
    let (lang, tag) = (lang(language), language.tag());
    let (other, other_lang, other_name) = match language {
        Language::English => ("zh", "zh-Hans", "中文"),
        Language::Chinese => ("en", "en", "English"),
    };
    let all = language.pick("All codes", "全部错误码");
    let label = language
        .pick("Code, words, or an error message (never a token)", "错误码、词语或错误消息（切勿粘贴令牌）");
    let search = language.pick("Search", "搜索");
    format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <nav><a href=\"{base}index.{tag}\">{all}</a><a href=\"{base}{here}.{other}\" hreflang=\"{other_lang}\" lang=\"{other_lang}\">{other_name}</a></nav>\n\
         <form role=\"search\" method=\"get\" action=\"{base}index.{tag}\"><input type=\"search\" name=\"q\" maxlength=\"1000\" autocomplete=\"off\" aria-label=\"{label}\" placeholder=\"{label}\" value=\"{}\"><button>{search}</button></form>\n\
         <main>\n{body}</main>\n<footer><p>Portcullis · <a href=\"{base}{here}.{tag}.md\">Markdown</a> · <a href=\"{base}{here}.{tag}.json\">JSON</a></p></footer>\n</body>\n</html>\n",
        escape(heading),
        escape(query)
    )
}
