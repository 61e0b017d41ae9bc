//! `data:` URLs (RFC 2397) in base64: how several formats have media in a message.

/// Media type, without parameters, and data; `None` where either is missing, or the data is not in base64.
pub(crate) fn parse(url: &str) -> Option<(&str, &str)> {
    let (mime, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let mime = mime.split(';').next().unwrap_or_default();
    (!mime.is_empty()).then_some((mime, data))
}

/// The URL.
pub(crate) fn write(mime: &str, data: &str) -> String {
    ["data:", mime, ";base64,", data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(parse(&write("image/png", "iVBORw==")), Some(("image/png", "iVBORw==")));
        assert_eq!(parse("data:text/plain;charset=utf-8;base64,YQ=="), Some(("text/plain", "YQ==")));
        for none in ["https://x/;base64,", "data:image/png,abc", "data:;base64,YQ=="] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
