//! Lists of models, as Bedrock's control plane has them (`ListFoundationModels`, `GetFoundationModel`).

use crate::json::write::Writer;

/// All of these.
pub(super) fn list(names: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    Writer::new(&mut body).object(|w| {
        w.name("modelSummaries").array(|w| {
            for name in names {
                w.object(|w| model(w, name));
            }
        });
    });
    body
}

/// One of them.
pub(super) fn one(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    Writer::new(&mut body).object(|w| w.name("modelDetails").object(|w| model(w, name)));
    body
}

fn model(w: &mut Writer<'_>, name: &str) {
    // Both are there always; the ARN is of no account and no region.
    w.member("modelArn", &format!("arn:aws:bedrock:::foundation-model/{name}"));
    w.member("modelId", name);
    w.member("modelName", name);
}

#[cfg(test)]
mod tests {
    #[test]
    fn shapes() {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let model = r#"{"modelArn":"arn:aws:bedrock:::foundation-model/a","modelId":"a","modelName":"a"}"#;
        assert_eq!(text(super::list(&["a"])), format!("{{\"modelSummaries\":[{model}]}}"));
        assert_eq!(text(super::one("a")), format!("{{\"modelDetails\":{model}}}"));
    }
}
