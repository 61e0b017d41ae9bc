//! Figures as a section of a code's page, in English and Chinese.

use super::{Day, Figures, Share};
use portcullis_fault::pages::Language;
use std::fmt::Write;

/// The section: Markdown, with its heading.
pub fn section(figures: &Figures, language: Language) -> String {
    let words = match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    };
    let mut out = format!("\n## {}\n\n", words.heading);
    let (Some(first), Some(last)) = (&figures.first, &figures.last) else {
        let _ = writeln!(out, "{}", words.never);
        return out;
    };
    let more = if figures.more { "+" } else { "" };
    // Writing into memory cannot fail.
    let _ = writeln!(out, "- {}: {}{more}", words.occurrences, figures.occurrences);
    let _ = writeln!(out, "- {}: {}", words.first, minute(first));
    let _ = writeln!(out, "- {}: {}", words.last, minute(last));
    let _ = writeln!(out, "- {}: `{}`", words.trend, trend(&figures.days));
    for (label, shares) in [(words.services, &figures.services), (words.issuers, &figures.issuers)] {
        if !shares.is_empty() {
            let _ = writeln!(out, "- {label}: {}", list(shares, words.comma));
        }
    }
    let followed = (words.followed)(figures);
    let _ = writeln!(out, "- {followed}");
    let _ = writeln!(out, "- {}: {}", words.anonymous, figures.anonymous);
    let _ = writeln!(out, "\n{}", (words.basis)(figures.looked_at));
    out
}

/// The section where there are no figures at the moment.
pub fn absent(language: Language) -> String {
    let words = match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    };
    format!("\n## {}\n\n{}\n", words.heading, words.absent)
}

struct Words {
    heading: &'static str,
    never: &'static str,
    absent: &'static str,
    occurrences: &'static str,
    first: &'static str,
    last: &'static str,
    trend: &'static str,
    services: &'static str,
    issuers: &'static str,
    anonymous: &'static str,
    comma: &'static str,
    followed: fn(&Figures) -> String,
    basis: fn(u64) -> String,
}

static ENGLISH: Words = Words {
    heading: "On this gateway",
    never: "It does not occur in the records that are kept.",
    absent: "The records cannot be counted at the moment.",
    occurrences: "Occurrences in 30 days",
    first: "First in the records that are kept",
    last: "Last",
    trend: "Per day, today last",
    services: "Services",
    issuers: "Issuers",
    anonymous: "By nobody who is known",
    comma: ", ",
    followed: |figures| match figures.followed {
        0 => "Succeeded within a day: nobody who is known was met".to_owned(),
        all => format!(
            "Succeeded on the same service within a day: {} of {all} callers ({} %)",
            figures.succeeded,
            percent(figures)
        ),
    },
    basis: |n| format!("Services, issuers and callers are those of the last {n} occurrences."),
};

static CHINESE: Words = Words {
    heading: "在本网关上",
    never: "现存记录中没有出现过。",
    absent: "目前无法统计记录。",
    occurrences: "30 天内出现次数",
    first: "现存记录中首次出现",
    last: "最近一次",
    trend: "每日次数（最右为今天）",
    services: "服务",
    issuers: "签发者",
    anonymous: "身份不明的调用",
    comma: "、",
    followed: |figures| match figures.followed {
        0 => "一天内成功：没有已知身份的调用方遇到过".to_owned(),
        all => format!(
            "一天内在同一服务上成功：{all} 个调用方中的 {} 个（{} %）",
            figures.succeeded,
            percent(figures)
        ),
    },
    basis: |n| format!("服务、签发者与调用方取自最近 {n} 次出现。"),
};

fn percent(figures: &Figures) -> u64 {
    (figures.succeeded * 100 + figures.followed / 2) / figures.followed.max(1)
}

/// A time of RFC 3339 to the minute: `2026-11-22 08:15 UTC`.
fn minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |minute| format!("{} UTC", minute.replace('T', " ")))
}

fn list(shares: &[Share], comma: &str) -> String {
    // Names are the operator's own, but a record may be older than the configuration.
    let name = |share: &Share| share.name.replace(['`', '|', '\n'], "");
    shares
        .iter()
        .map(|share| format!("`{}` {}", name(share), share.occurrences))
        .collect::<Vec<_>>()
        .join(comma)
}

/// One character a day; none where nothing occurred, the highest where most did.
fn trend(days: &[Day]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = days.iter().map(|day| day.occurrences).max().unwrap_or(0).max(1);
    days.iter()
        .map(|day| match day.occurrences {
            0 => '·',
            n => usize::try_from((n * 8).div_ceil(most).clamp(1, 8) - 1).map_or('█', |at| BARS[at]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_says_what_is_known() {
        let day = |occurrences| Day { day: "2026-11-22".to_owned(), occurrences };
        let share = |name: &str, occurrences| Share { name: name.to_owned(), occurrences };
        let figures = Figures {
            code: "token_expired".to_owned(),
            first: Some("2026-11-20T08:15:30.000001Z".to_owned()),
            last: Some("2026-11-22T09:00:00Z".to_owned()),
            occurrences: 10,
            more: false,
            days: vec![day(0), day(1), day(8)],
            looked_at: 9,
            services: vec![share("orders", 6), share("ai", 3)],
            issuers: Vec::new(),
            anonymous: 2,
            followed: 3,
            succeeded: 2,
        };
        insta::assert_snapshot!(section(&figures, Language::English), @r"
        ## On this gateway

        - Occurrences in 30 days: 10
        - First in the records that are kept: 2026-11-20 08:15 UTC
        - Last: 2026-11-22 09:00 UTC
        - Per day, today last: `·▁█`
        - Services: `orders` 6, `ai` 3
        - Succeeded on the same service within a day: 2 of 3 callers (67 %)
        - By nobody who is known: 2

        Services, issuers and callers are those of the last 9 occurrences.
        ");
        let chinese = section(&figures, Language::Chinese);
        assert_eq!(chinese.lines().count(), section(&figures, Language::English).lines().count());
        let never = section(&Figures::default(), Language::English);
        assert!(never.contains("does not occur"), "{never}");
    }

    #[test]
    fn nothing_in_a_name_breaks_the_page() {
        let share = Share { name: "a`|<b>\n".to_owned(), occurrences: 1 };
        assert_eq!(list(&[share], ", "), "`a<b>` 1");
    }
}
