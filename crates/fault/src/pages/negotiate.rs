//! Which form and language a caller wants (RFC 9110 §12.5.1, §12.5.4). Never refuses: a page in another form beats none.

use super::{Format, Language};

/// By `Accept`. Without one, or when anything will do (curl's `*/*`), Markdown: it reads well in a terminal.
pub fn format(accept: Option<&str>) -> Format {
    const FORMS: [(Format, &[&str]); 3] = [
        (Format::Markdown, &["text/markdown", "text/plain", "text/*", "*/*"]),
        (Format::Html, &["text/html", "application/xhtml+xml", "text/*", "*/*"]),
        (Format::Json, &["application/json", "application/problem+json", "application/*", "*/*"]),
    ];
    let ranges: Vec<(String, u16)> = weighted(accept.unwrap_or_default()).collect();
    let quality = |names: &[&str]| {
        // The most specific range that names the form decides, so that `text/html;q=0, */*` refuses HTML.
        names.iter().enumerate().find_map(|(i, name)| {
            let (_, q) = ranges.iter().find(|(range, _)| range == name)?;
            // Of two forms with the same weight, the one that was named outweighs the one that is merely included.
            Some((*q, names.len() - i)).filter(|_| *q > 0)
        })
    };
    let mut best = (Format::Markdown, (0, 0));
    for (form, names) in FORMS {
        if let Some((q, depth)) = quality(names) {
            let named = usize::from(depth > 2);
            if (q, named) > best.1 {
                best = (form, (q, named));
            }
        }
    }
    best.0
}

/// By `Accept-Language`; English unless Chinese in any form is preferred.
pub fn language(accept: Option<&str>) -> Language {
    let mut best = (Language::English, 0);
    for (range, q) in weighted(accept.unwrap_or_default()) {
        let language = match range.split('-').next() {
            Some("zh") => Language::Chinese,
            Some("en" | "*") => Language::English,
            _ => continue,
        };
        if q > best.1 {
            best = (language, q);
        }
    }
    best.0
}

/// The members of a header with their weights in thousandths, in order. What cannot be read weighs nothing. Bounded: a
/// header section is.
fn weighted(header: &str) -> impl Iterator<Item = (String, u16)> {
    header.split(',').map(|member| {
        let mut parts = member.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let q = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(Some(1.0), |q| q.parse::<f64>().ok());
        let q = q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
        let thousandths = (q * 1_000.0).round() as u16;
        (range, thousandths)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, form) in [
            (browser, Format::Html),
            ("*/*", Format::Markdown),
            ("", Format::Markdown),
            ("application/json", Format::Json),
            ("application/problem+json, */*;q=0.1", Format::Json),
            ("text/html;q=0.5, application/json", Format::Json),
            ("text/html;q=0, */*", Format::Markdown),
            ("TEXT/HTML", Format::Html),
            ("image/png", Format::Markdown),
            ("application/*", Format::Json),
            ("*/*, text/html", Format::Html),
            ("text/html;q=x, ;;;,=,\u{fffd}", Format::Markdown),
        ] {
            assert_eq!(format(Some(accept)), form, "{accept}");
        }
        assert_eq!(format(None), Format::Markdown);
    }

    #[test]
    fn languages() {
        for (accept, tongue) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-GB,zh;q=0.9", Language::English),
            ("de, zh;q=0.5", Language::Chinese),
            ("de, fr", Language::English),
            ("zh;q=0", Language::English),
            ("ZH-hant-TW", Language::Chinese),
            ("zhx", Language::English),
            ("*", Language::English),
        ] {
            assert_eq!(language(Some(accept)), tongue, "{accept}");
        }
        assert_eq!(language(None), Language::English);
    }
}
