//! How far things are apart: identifiers by edits, times in words.

/// Edits between two texts, by characters. Both are short: ids, issuers.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(256).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The nearest of these, at most three, that differ by no more than a third.
pub(super) fn nearest<'a>(to: &str, among: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<_> = among.map(|one| (distance(to, one), one)).collect();
    all.retain(|(distance, one)| *distance <= one.chars().count().max(3) / 3);
    all.sort();
    all.dedup();
    all.into_iter().take(3).map(|(_, one)| one).collect()
}

/// A point in time as people write it: `2027-01-15T08:00:00Z`. `micros` since 1970, not before it.
pub(super) fn date(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date: years counted from March, so that the leap day is the last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let in_month = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{in_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A span in its two largest units: `3 d 4 h`.
pub(super) fn span(micros: i64) -> String {
    let seconds = micros.unsigned_abs().div_ceil(1_000_000);
    let units = [(31_536_000, "y"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let Some(first) = units.iter().position(|(size, _)| seconds >= *size) else { return "0 s".to_owned() };
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in &units[first..(first + 2).min(units.len())] {
        if rest / size > 0 {
            words.push(format!("{} {unit}", rest / size));
        }
        rest %= size;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_dates() {
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("a", "a")), (3, 3, 0));
        assert_eq!(
            nearest("key-2024", ["key-2025", "other", "key-2024-a"].into_iter()),
            ["key-2025", "key-2024-a"]
        );
        for (seconds, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_300_819_380, "2011-03-22T18:43:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(seconds * 1_000_000), want);
        }
        assert_eq!(span(0), "0 s");
        assert_eq!(span(90_061_000_000), "1 d 1 h");
        assert_eq!(span(59_000_000), "59 s");
    }
}
