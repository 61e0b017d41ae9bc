//! Forms: whatever is written is read as it was meant, however odd; whatever two could read differently is refused.

use bytes::Bytes;
use portcullis_llm::dialect::request::{Members, Request, StreamOptions, Syntax};
use portcullis_llm::multipart::{Boundary, parts};
use proptest::prelude::*;

const MEMBERS: Members = Members { syntax: Syntax::Form, text: &["prompt"], ..Members::BODY };

#[derive(Clone, Debug)]
struct Field {
    name: String,
    file: Option<String>,
    content: Vec<u8>,
}

fn written(fields: &[Field], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for field in fields {
        let file = field.file.as_ref().map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.extend(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n\r\n", field.name)
                .bytes(),
        );
        body.extend(&field.content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    body
}

/// Content that comes close to a boundary.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(
            &["\r\n", "\n", "\r", "-", "--", "--x", "\r\n--", "\r\n\r\n", "name=\"model\"", "\0", ""][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let field = ("[a-z_.]{1,8}", proptest::option::of("[a-zA-Z0-9 .é]{0,12}"), content());
    let field = field.prop_map(|(name, file, content)| Field { name: format!("x{name}[]"), file, content });
    (proptest::collection::vec(field, 0..6), "[a-zA-Z0-9/._-]{1,12}", any::<prop::sample::Index>()).prop_map(
        |(mut fields, model, at)| {
            let model = Field { name: "model".to_owned(), file: None, content: model.into_bytes() };
            fields.insert(at.index(fields.len() + 1), model);
            fields
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(fields in fields(), boundary in "[a-zA-Z0-9'()+_,./:=?-]{8,70}") {
        let body = written(&fields, &boundary);
        let content_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let read = Boundary::of(content_type.as_bytes()).unwrap().unwrap();
        let found = parts(&body, &read).unwrap();
        prop_assert_eq!(found.len(), fields.len());
        for (part, field) in found.iter().zip(&fields) {
            prop_assert_eq!(part.name(&body), field.name.as_str());
            prop_assert_eq!(&body[part.content.clone()], &field.content[..]);
            prop_assert_eq!(part.is_file, field.file.is_some());
            let file = part.file_name.clone().map(|file| String::from_utf8(body[file].to_vec()).unwrap());
            prop_assert_eq!(&file, &field.file);
        }
        let request = Request::read(&Bytes::from(body), content_type.as_bytes(), &MEMBERS).unwrap();
        let sent = request.rewrite("gpt-image-2", StreamOptions::Ask);
        let expected: Vec<Field> = fields
            .iter()
            .map(|field| match field.name.as_str() {
                "model" => Field { content: b"gpt-image-2".to_vec(), ..field.clone() },
                _ => field.clone(),
            })
            .collect();
        prop_assert_eq!(sent.to_vec(), written(&expected, &boundary), "every other byte is the caller's");
    }

    #[test]
    fn a_boundary_within_a_part_is_refused(
        fields in fields(),
        at in any::<prop::sample::Index>(),
        before in proptest::sample::select(&["", "\r\n", "\n", "\r", "x", "-", " "][..]),
        behind in proptest::sample::select(&["", "\n", "\r", "x", "-", " ", " \r\n"][..]),
    ) {
        let boundary = "boundary0";
        let mut fields = fields;
        let at = at.index(fields.len());
        fields[at].content.extend(format!("{before}--{boundary}{behind}x").bytes());
        let body = written(&fields, boundary);
        let read = Boundary::of(format!("multipart/form-data; boundary={boundary}").as_bytes()).unwrap().unwrap();
        prop_assert!(parts(&body, &read).is_err(), "{}", body.escape_ascii());
    }

    #[test]
    fn any_bytes_at_all(body in proptest::collection::vec(any::<u8>(), 0..200), content_type in "\\PC{0,60}") {
        let _ = Request::read(&Bytes::from(body.clone()), content_type.as_bytes(), &MEMBERS);
        let _ = Request::read(&Bytes::from(body), b"multipart/form-data; boundary=b", &MEMBERS);
    }
}
