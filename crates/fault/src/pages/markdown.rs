//! The part of Markdown that our pages are written in: headings, paragraphs, lists (with a list below an item), code,
//! tables, `**strong**` and links.
//! Not a Markdown library: everything else is text, and everything is escaped.

use std::fmt::Write;

/// The sections under `## ` headings: heading and Markdown text.
pub fn sections(source: &str) -> impl Iterator<Item = (&str, &str)> {
    source
        .split("\n## ")
        .skip(1)
        .map(|section| section.split_once('\n').unwrap_or((section, "")))
        .map(|(heading, text)| (heading.trim(), text.trim()))
}

/// The links of a page: text and target.
#[cfg(test)]
pub fn links(source: &str) -> impl Iterator<Item = (&str, &str)> {
    source.split("```").step_by(2).flat_map(|prose| prose.split('[').skip(1)).filter_map(|rest| {
        let (text, rest) = rest.split_once("](")?;
        Some((text, rest.split_once(')')?.0))
    })
}

/// Renders `source` as HTML; `link` turns a link's target into a URL, or refuses it.
pub fn to_html(source: &str, link: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(source.len() * 2);
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let _ = writeln!(out, "<pre><code>{}</code></pre>", escape(&block.join("\n")));
        } else if let Some(text) = line.strip_prefix("## ") {
            let _ = writeln!(out, "<h2>{}</h2>", inline(text, link));
        } else if let Some(text) = line.strip_prefix("# ") {
            let _ = writeln!(out, "<h1>{}</h1>", inline(text, link));
        } else if let Some((tag, _)) = item(line) {
            let _ = writeln!(out, "<{tag}>");
            let mut next = Some(line);
            while let Some((_, text)) = next.and_then(item).filter(|(other, _)| *other == tag) {
                let mut whole = text.to_owned();
                let mut below: Vec<String> = Vec::new();
                while let Some(more) = lines.next_if(|line| line.starts_with("  ") && !line.trim().is_empty())
                {
                    if let Some(text) = more.strip_prefix("  - ") {
                        below.push(text.to_owned());
                    } else {
                        let open = below.last_mut().unwrap_or(&mut whole);
                        open.push(' ');
                        open.push_str(more.trim());
                    }
                }
                let _ = write!(out, "<li>{}", inline(&whole, link));
                if !below.is_empty() {
                    out.push_str("<ul>");
                    for text in below {
                        let _ = write!(out, "<li>{}</li>", inline(&text, link));
                    }
                    out.push_str("</ul>");
                }
                out.push_str("</li>\n");
                next = lines.next_if(|line| item(line).is_some_and(|(other, _)| other == tag));
            }
            let _ = writeln!(out, "</{tag}>");
        } else if line.starts_with('|') {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(row);
            }
            table(&rows, link, &mut out);
        } else {
            let mut whole = line.trim().to_owned();
            while let Some(more) = lines.next_if(|line| !opens(line)) {
                whole.push(' ');
                whole.push_str(more.trim());
            }
            let _ = writeln!(out, "<p>{}</p>", inline(&whole, link));
        }
    }
    out
}

/// Whether a line ends the paragraph before it.
fn opens(line: &str) -> bool {
    line.trim().is_empty()
        || line.starts_with("```")
        || line.starts_with('#')
        || line.starts_with('|')
        || item(line).is_some()
}

/// The list that a line is an item of, and the item's text.
pub fn item(line: &str) -> Option<(&'static str, &str)> {
    if let Some(text) = line.strip_prefix("- ") {
        return Some(("ul", text));
    }
    let (number, text) = line.split_once(". ")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(("ol", text))
}

fn table(rows: &[&str], link: &dyn Fn(&str) -> Option<String>, out: &mut String) {
    let cells = |row: &str| {
        row.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    out.push_str("<div class=\"table\"><table>\n");
    for (i, row) in rows.iter().enumerate() {
        if i == 1 && row.bytes().all(|byte| matches!(byte, b'|' | b'-' | b':' | b' ')) {
            continue;
        }
        let tag = if i == 0 { "th" } else { "td" };
        out.push_str("<tr>");
        for cell in cells(row) {
            let _ = write!(out, "<{tag}>{}</{tag}>", inline(&cell, link));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

/// Code, strong text and links within a line; whatever is not closed is text.
pub fn inline(text: &str, link: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[', '*']) {
        out.push_str(&escape(&rest[..at]));
        rest = &rest[at..];
        let taken = code(rest).or_else(|| strong(rest, link)).or_else(|| anchor(rest, link));
        match taken {
            Some((html, length)) => {
                out.push_str(&html);
                rest = &rest[length..];
            }
            None => {
                // All three marks are one byte long.
                out.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    out.push_str(&escape(rest));
    out
}

fn code(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix('`')?;
    let length = inner.find('`')?;
    Some((format!("<code>{}</code>", escape(&inner[..length])), length + 2))
}

fn strong(text: &str, link: &dyn Fn(&str) -> Option<String>) -> Option<(String, usize)> {
    let inner = text.strip_prefix("**")?;
    let length = inner.find("**").filter(|length| *length > 0)?;
    Some((format!("<strong>{}</strong>", inline(&inner[..length], link)), length + 4))
}

fn anchor(text: &str, link: &dyn Fn(&str) -> Option<String>) -> Option<(String, usize)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (target, _) = rest.split_once(')')?;
    let length = label.len() + target.len() + 4;
    let html = match link(target).filter(|_| !label.contains('[')) {
        Some(url) => format!("<a href=\"{}\">{}</a>", escape(&url), escape(&label.replace('`', ""))),
        None => escape(label),
    };
    Some((html, length))
}

/// Text as HTML, in content and in attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(source: &str) -> String {
        to_html(source, &|target| target.starts_with("https://").then(|| target.to_owned()))
    }

    #[test]
    fn blocks() {
        let source = "# a <b>\n\none\ntwo\n- x `<y>`\n  more\n- z\n  - `b`\n    c\n  - d\n1. n\n\n| h |\n|---|\n| c |\n```sh\na && b\n\n```\nend";
        let wanted = "<h1>a &lt;b&gt;</h1>\n<p>one two</p>\n<ul>\n<li>x <code>&lt;y&gt;</code> more</li>\n<li>z<ul><li><code>b</code> c</li><li>d</li></ul></li>\n</ul>\n<ol>\n<li>n</li>\n</ol>\n<div class=\"table\"><table>\n<tr><th>h</th></tr>\n<tr><td>c</td></tr>\n</table></div>\n<pre><code>a &amp;&amp; b\n</code></pre>\n<p>end</p>\n";
        assert_eq!(html(source), wanted);
    }

    #[test]
    fn inlines() {
        assert_eq!(
            html("**a `b`** [c](https://x/?a&b)"),
            "<p><strong>a <code>b</code></strong> <a href=\"https://x/?a&amp;b\">c</a></p>\n"
        );
        assert_eq!(html("`*` ** [x] (y) ` \u{e9}"), "<p><code>*</code> ** [x] (y) ` \u{e9}</p>\n");
    }

    #[test]
    fn nothing_gets_out_of_its_place() {
        for hostile in [
            "<script>",
            "[x](javascript:alert(1))",
            "[x](https://a\"onclick=b)",
            "`</code><script>`",
            "**<img>**",
            "```\n</pre><script>\n```",
            "[<script>](https://a)",
            "| <script> |",
        ] {
            let out = html(hostile);
            for tag in ["<script", "<img", "javascript:", "\"onclick"] {
                assert!(!out.contains(tag), "{hostile}: {out}");
            }
        }
        // Unclosed marks and blocks end with the text.
        for odd in ["```", "[", "](", "**", "***", "`", "[a](", "- ", "1. ", "|", "#", ""] {
            let _ = html(odd);
        }
    }
}
