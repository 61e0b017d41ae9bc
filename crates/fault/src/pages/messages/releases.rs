//! In which releases of their library's packages the messages stand: what `scripts/message-versions` found, and why nothing
//! is known of the rest. Not for what a message means: that is its row's.

mod table;

pub use table::READ_ON;
use table::RELEASES;

/// The releases of one library, and which messages were found in them.
#[derive(Debug)]
pub struct Releases {
    /// As in the messages' rows.
    pub library: &'static str,
    /// The registry and the packages there.
    pub packages: &'static str,
    /// The first release that could be read. The library may be older than what the registry holds of it.
    pub oldest: &'static str,
    /// The newest release on the day of the check.
    pub newest: &'static str,
    /// One for each message.
    found: &'static [Found],
}

/// Where one message was found.
#[derive(Debug)]
pub struct Found {
    /// As in the message's row.
    text: &'static str,
    /// The release before the first, which does not say it; none when there is none to be had. What lies between the two is
    /// not in the registry, or could not be read.
    pub before: Option<&'static str>,
    /// The first release that says it, of those that are to be had.
    pub first: &'static str,
    /// The last release that says it. In between it may have been away: that is not kept.
    pub last: &'static str,
    /// The first release that no longer says it; none when the newest does.
    pub gone: Option<&'static str>,
}

/// Why the releases of a message are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The library is published in a registry that was not asked.
    Registry,
    /// A server or program that is not published as a package.
    Unpackaged,
    /// A hosted service: its callers see no version of it.
    Hosted,
    /// Words of many programs, or of a standard.
    Common,
}

/// Who is not in [`RELEASES`], and why.
pub(super) const UNKNOWN: &[(&str, Why)] = &[
    ("Microsoft.IdentityModel", Why::Registry),
    ("ASP.NET Core", Why::Registry),
    ("ruby-jwt", Why::Registry),
    ("firebase/php-jwt", Why::Registry),
    ("lcobucci/jwt", Why::Registry),
    ("tymon/jwt-auth", Why::Registry),
    ("Guardian (Elixir)", Why::Registry),
    ("Joken (Elixir)", Why::Registry),
    ("lua-resty-jwt (APISIX, OpenResty)", Why::Registry),
    ("Envoy jwt_authn (also Istio, Google API Gateway)", Why::Unpackaged),
    ("Envoy RBAC (also Istio)", Why::Unpackaged),
    ("Kong", Why::Unpackaged),
    ("Apache APISIX", Why::Unpackaged),
    ("nginx", Why::Unpackaged),
    ("Traefik", Why::Unpackaged),
    ("Supabase Auth (GoTrue)", Why::Unpackaged),
    ("PostgREST", Why::Unpackaged),
    ("Hasura", Why::Unpackaged),
    ("AWS API Gateway", Why::Hosted),
    ("Amazon Cognito", Why::Hosted),
    ("Azure API Management", Why::Hosted),
    ("Google API Gateway, Endpoints", Why::Hosted),
    ("Okta API", Why::Hosted),
    ("OpenAI", Why::Hosted),
    ("Anthropic", Why::Hosted),
    ("Gemini, Google APIs", Why::Hosted),
    ("NestJS", Why::Common),
    ("Express, NestJS, Rails and many more", Why::Common),
    ("any server", Why::Common),
];

/// The releases of a library, and where this message of it was found in them.
pub(super) fn find(library: &str, text: &str) -> Option<(&'static Releases, &'static Found)> {
    let releases = RELEASES.iter().find(|releases| releases.library == library)?;
    releases.found.iter().find(|found| found.text == text).map(|found| (releases, found))
}

/// Why nothing is known of the releases of a library.
pub(super) fn why(library: &str) -> Why {
    // A library without a line is one that was not asked about: a test holds that there is none.
    UNKNOWN.iter().find(|(name, _)| *name == library).map_or(Why::Registry, |(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::super::{Checked, all};
    use super::*;
    use std::collections::BTreeSet;

    /// A release's number, for comparison. Anything but figures and points is refused.
    fn number(version: &str) -> Vec<u32> {
        let parts = version.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("`{version}`")));
        let mut number: Vec<u32> = parts.collect();
        number.resize(6, 0);
        number
    }

    #[test]
    fn releases_are_in_order() {
        for releases in RELEASES {
            let Releases { library, packages, oldest, newest, found } = releases;
            let (oldest, newest) = (number(oldest), number(newest));
            assert!(oldest <= newest, "{library}");
            let (registry, names) =
                packages.split_once(": ").unwrap_or_else(|| panic!("{library}: `{packages}`"));
            assert!(["PyPI", "npm", "Cargo", "Go", "Maven"].contains(&registry), "{library}: `{registry}`");
            assert!(!names.is_empty() && !packages.contains('|') && !packages.contains("://"), "{library}");
            for Found { text, before, first, last, gone } in *found {
                let (first, last) = (number(first), number(last));
                assert!(oldest <= first && first <= last && last <= newest, "{library}: `{text}`");
                assert_eq!(before.is_none(), oldest == first, "{library}: `{text}`");
                assert!(before.is_none_or(|before| number(before) < first), "{library}: `{text}`");
                // In the newest release, or gone in one between: there is no third.
                match gone.map(number) {
                    Some(gone) => assert!(last < gone && gone <= newest, "{library}: `{text}`"),
                    None => assert_eq!(last, newest, "{library}: `{text}`"),
                }
            }
        }
        let day: Vec<_> = READ_ON.split('-').map(|part| (part.len(), part.parse::<u32>().is_ok())).collect();
        assert_eq!(day, [(4, true), (2, true), (2, true)], "{READ_ON}");
    }

    /// What was looked for is what the rows say, no more and no less; and of the others it is said why not.
    #[test]
    fn every_row_is_looked_for_or_it_is_said_why_not() {
        let rows = |checked: bool| {
            all()
                .filter(move |row| (row.checked == Checked::Released) == checked)
                .map(|row| (row.library, row.text))
                .collect::<BTreeSet<_>>()
        };
        let found: Vec<_> = RELEASES
            .iter()
            .flat_map(|releases| releases.found.iter().map(|found| (releases.library, found.text)))
            .collect();
        let looked_for: BTreeSet<_> = found.iter().copied().collect();
        assert_eq!(looked_for.len(), found.len(), "something is there twice");
        let odd: Vec<_> = looked_for.symmetric_difference(&rows(true)).copied().collect();
        assert!(odd.is_empty(), "rows without releases, or the other way round: {odd:?}");

        let said: BTreeSet<_> = UNKNOWN.iter().map(|(library, _)| *library).collect();
        let others: BTreeSet<_> = rows(false).into_iter().map(|(library, _)| library).collect();
        assert_eq!(said.len(), UNKNOWN.len(), "a library is there twice");
        let odd: Vec<_> = said.symmetric_difference(&others).copied().collect();
        assert!(odd.is_empty(), "libraries without a reason, or the other way round: {odd:?}");
        for releases in RELEASES {
            assert!(!said.contains(releases.library), "{} is known and unknown", releases.library);
        }
    }
}
