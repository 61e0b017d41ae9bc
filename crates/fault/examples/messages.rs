//! Prints the messages of other libraries and servers that are known, as JSON, for `scripts/message-versions`.

use portcullis_fault::pages::messages::{Checked, all};

fn main() {
    let rows: Vec<_> = all()
        .map(|row| {
            serde_json::json!({
                "library": row.library,
                "text": row.text,
                "released": row.checked == Checked::Released,
            })
        })
        .collect();
    println!("{}", serde_json::Value::from(rows));
}
