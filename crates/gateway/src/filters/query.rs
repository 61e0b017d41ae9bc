//! Taking one parameter out of a query, leaving every other byte.

use http::Uri;
use http::uri::PathAndQuery;

/// `uri` without the query's parameters of this name; `None` when there is none.
pub(crate) fn without_parameter(uri: &Uri, name: &str) -> Option<Uri> {
    let query = uri.query()?;
    let is = |pair: &&str| {
        let key = pair.split('=').next().unwrap_or_default();
        percent_encoding::percent_decode_str(key).eq(name.bytes())
    };
    if !query.split('&').any(|pair| is(&pair)) {
        return None;
    }
    let left: Vec<&str> = query.split('&').filter(|pair| !is(pair)).collect();
    let path = uri.path();
    let text = if left.is_empty() { path.to_owned() } else { format!("{path}?{}", left.join("&")) };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_one() {
        let without = |uri: &str| without_parameter(&uri.parse().unwrap(), "key").map(|uri| uri.to_string());
        assert_eq!(without("/a?key=1").as_deref(), Some("/a"));
        assert_eq!(without("/a?b=%20&k%65y=1&c&key").as_deref(), Some("/a?b=%20&c"));
        assert_eq!(without("/a?keys=1&b=key"), None);
        assert_eq!(without("/a"), None);
    }
}
