//! Formats of media, which Bedrock names by a word of its own, and their media types.

use crate::canon::MediaKind;

struct Row {
    kind: MediaKind,
    word: &'static str,
    mime: &'static str,
}

const fn row(kind: MediaKind, word: &'static str, mime: &'static str) -> Row {
    Row { kind, word, mime }
}

/// Where several words have one type, the first is written; where several types have one word, the first is read.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    row(MediaKind::Image, "png", "image/png"),
    row(MediaKind::Image, "jpeg", "image/jpeg"),
    row(MediaKind::Image, "jpeg", "image/jpg"),
    row(MediaKind::Image, "gif", "image/gif"),
    row(MediaKind::Image, "webp", "image/webp"),
    row(MediaKind::Document, "pdf", "application/pdf"),
    row(MediaKind::Document, "csv", "text/csv"),
    row(MediaKind::Document, "doc", "application/msword"),
    row(MediaKind::Document, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    row(MediaKind::Document, "xls", "application/vnd.ms-excel"),
    row(MediaKind::Document, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    row(MediaKind::Document, "html", "text/html"),
    row(MediaKind::Document, "txt", "text/plain"),
    row(MediaKind::Document, "md", "text/markdown"),
    row(MediaKind::Video, "mp4", "video/mp4"),
    row(MediaKind::Video, "mov", "video/quicktime"),
    row(MediaKind::Video, "mkv", "video/x-matroska"),
    row(MediaKind::Video, "webm", "video/webm"),
    row(MediaKind::Video, "flv", "video/x-flv"),
    row(MediaKind::Video, "mpeg", "video/mpeg"),
    row(MediaKind::Video, "mpg", "video/mpeg"),
    row(MediaKind::Video, "wmv", "video/x-ms-wmv"),
    row(MediaKind::Video, "three_gp", "video/3gpp"),
    row(MediaKind::Audio, "mp3", "audio/mpeg"),
    row(MediaKind::Audio, "mp3", "audio/mp3"),
    row(MediaKind::Audio, "mpeg", "audio/mpeg"),
    row(MediaKind::Audio, "mpga", "audio/mpeg"),
    row(MediaKind::Audio, "wav", "audio/wav"),
    row(MediaKind::Audio, "wav", "audio/x-wav"),
    row(MediaKind::Audio, "opus", "audio/opus"),
    row(MediaKind::Audio, "aac", "audio/aac"),
    row(MediaKind::Audio, "x-aac", "audio/x-aac"),
    row(MediaKind::Audio, "flac", "audio/flac"),
    row(MediaKind::Audio, "mp4", "audio/mp4"),
    row(MediaKind::Audio, "m4a", "audio/x-m4a"),
    row(MediaKind::Audio, "ogg", "audio/ogg"),
    row(MediaKind::Audio, "webm", "audio/webm"),
    row(MediaKind::Audio, "mkv", "audio/x-matroska"),
    row(MediaKind::Audio, "mka", "audio/x-matroska"),
    row(MediaKind::Audio, "pcm", "audio/pcm"),
    row(MediaKind::Audio, "pcm", "audio/l16"),
];

/// The media type of a format.
pub(super) fn mime(kind: MediaKind, word: &str) -> Option<&'static str> {
    ROWS.iter().find(|row| row.kind == kind && row.word == word).map(|row| row.mime)
}

/// The format of a media type, parameters aside.
pub(super) fn word(kind: MediaKind, mime: &str) -> Option<&'static str> {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    ROWS.iter().find(|row| row.kind == kind && row.mime.eq_ignore_ascii_case(essence)).map(|row| row.word)
}

/// The formats of a kind, for people.
pub(super) fn words(kind: MediaKind) -> String {
    let mut words: Vec<_> = ROWS.iter().filter(|row| row.kind == kind).map(|row| row.word).collect();
    words.dedup();
    words.join(", ")
}

/// The member that holds such a medium.
pub(super) fn member(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_can_be_written() {
        for row in ROWS {
            let read = mime(row.kind, row.word).unwrap();
            assert_eq!(mime(row.kind, word(row.kind, read).unwrap()), Some(read));
        }
        assert_eq!(word(MediaKind::Document, "Text/Plain; charset=utf-8"), Some("txt"));
        assert_eq!(word(MediaKind::Image, "image/tiff"), None);
        assert_eq!(words(MediaKind::Image), "png, jpeg, gif, webp");
    }
}
