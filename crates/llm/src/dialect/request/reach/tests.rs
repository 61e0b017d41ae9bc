//! What is found, however it is written, and what is not.

use super::*;
use crate::dialect::request::{Members, Reaches, Request};
use bytes::Bytes;

/// What `body` reaches for: `kind id` and `tool` or `tool@server`.
fn of(members: &Members, body: &str) -> Vec<String> {
    let reach =
        Request::scan(&Bytes::copy_from_slice(body.as_bytes()), members).expect(body).reach().expect(body);
    let ids = reach.ids.iter().map(|id| format!("{} {}", id.kind, id.text));
    let tools = reach.tools.iter().map(|tool| match &tool.server {
        Some(server) => format!("{}@{server}", tool.kind),
        None => tool.kind.to_string(),
    });
    ids.chain(tools).collect()
}

fn chat(rest: &str) -> Vec<String> {
    of(&Members::OPENAI, &format!(r#"{{"model":"m",{rest}}}"#))
}

fn responses(rest: &str) -> Vec<String> {
    of(&Members::RESPONSES, &format!(r#"{{"model":"m",{rest}}}"#))
}

const ANTHROPIC: Members = Members { reach: &Rules::ANTHROPIC, ..Members::BODY };
const GEMINI: Members = Members { reach: &Rules::GEMINI, either_case: true, ..Members::PATH };
const BEDROCK: Members = Members { reach: &Rules::BEDROCK, ..Members::PATH };

#[test]
fn openai_refers_to_files_answers_and_sounds() {
    let said = r#""messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}},{"type":"text","text":"file_id"}]},{"role":"assistant","audio":{"id":"audio_1"}}]"#;
    assert_eq!(chat(said), ["file file-1", "audio audio_1"]);
    assert_eq!(
        responses(
            r#""previous_response_id":"resp_1","conversation":{"id":"conv_1"},"prompt":{"id":"pmpt_1","variables":{"a":{"type":"input_file","file_id":"file-2"}}},"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]"#
        ),
        ["response resp_1", "conversation conv_1", "prompt pmpt_1", "file file-2", "file file-1"]
    );
    assert_eq!(chat(r#""preset":"other-model""#), ["prompt other-model"]);
    assert_eq!(responses(r#""conversation":"conv_1","previous_response_id":null"#), ["conversation conv_1"]);
    // The same names in other places are something else.
    assert_eq!(
        of(&Members::OPENAI, r#"{"model":"m","prompt":"previous_response_id","input":"resp_1"}"#),
        [""; 0]
    );
}

#[test]
fn items_stand_for_what_the_provider_keeps() {
    let items = |items: &str| responses(&format!(r#""input":[{items}]"#));
    for (item, reached) in [
        (r#"{"type":"item_reference","id":"msg_1"}"#, true),
        (r#"{"type":"Item_Reference","id":"msg_1"}"#, true),
        (r#"{"id":"msg_1"}"#, true),
        (r#"{"_ID":"msg_1"}"#, true),
        (r#"{"type":null,"id":"msg_1"}"#, true),
        (r#"{"type":"reasoning","id":"msg_1","summary":[]}"#, true),
        (r#"{"type":"reasoning","id":"msg_1","summary":[],"encrypted_content":null}"#, true),
        (r#"{"type":"reasoning","id":"msg_1","summary":[],"encrypted_content":"AAAA"}"#, false),
        (r#"{"type":"web_search_call","id":"msg_1","status":"completed"}"#, true),
        (r#"{"type":"function_call","Type":"web_search_call","id":"msg_1"}"#, true),
        (r#"{"type":"message","id":"msg_1","role":"assistant","content":[]}"#, false),
        (r#"{"role":"user","content":"item_reference"}"#, false),
        (
            r#"{"type":"function_call","id":"msg_1","call_id":"c","name":"f","arguments":"{\"file_id\":\"f\"}"}"#,
            false,
        ),
        (r#"{"type":"function_call_output","id":"msg_1","call_id":"c","output":"x"}"#, false),
    ] {
        let expected: &[&str] = if reached { &["item msg_1"] } else { &[] };
        assert_eq!(items(item), expected, "{item}");
    }
    assert_eq!(
        items(r#"{"type":"mcp_approval_response","approval_request_id":"mcpr_1","approve":true}"#),
        ["item mcpr_1"]
    );
    assert_eq!(
        items(r#"{"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1"}"#),
        ["item ci_1", "container cntr_1"]
    );
}

#[test]
fn anthropic_refers_to_files_containers_and_skills() {
    let body = r#"{"model":"m","container":{"id":"container_1","skills":[{"type":"anthropic","skill_id":"pptx"},{"type":"custom","skill_id":"skill_1"}]},
        "messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}},{"type":"container_upload","file_id":"file_2"}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"file_id":"mine","tools":[{"type":"web_search_20250305"}]}}]}]}"#;
    assert_eq!(
        of(&ANTHROPIC, body),
        ["container container_1", "skill skill_1", "file file_1", "file file_2"]
    );
    assert_eq!(of(&ANTHROPIC, r#"{"model":"m","container":"container_1"}"#), ["container container_1"]);
}

#[test]
fn gemini_refers_to_files_and_caches() {
    let at = |uri: &str| {
        of(&GEMINI, &format!(r#"{{"contents":[{{"parts":[{{"file_data":{{"fileUri":"{uri}"}}}}]}}]}}"#))
    };
    for uri in [
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
        "https://generativelanguage.googleapis.com/files/abc?alt=media",
        "HTTPS://GenerativeLanguage.GoogleApis.com:443/v1beta/files/abc",
        "https://x@generativelanguage.googleapis.com./v1beta/files/abc",
        "https:\\\\/\\\\/generativelanguage.googleapis.com/v1beta/files/abc",
        "ht\\ttps://generativelanguage.googleapis.com/v1beta/files/abc",
        "files/abc",
    ] {
        assert_eq!(at(uri), ["file files/abc"], "{uri}");
    }
    // What cannot be read as one of the account's files is nobody's.
    let odd = "https://generativelanguage.googleapis.com/v1beta/%66iles/abc";
    assert_eq!(at(odd), [format!("file {odd}")]);
    assert_eq!(at("gs://bucket/a.png"), ["storage gs://bucket/a.png"]);
    assert_eq!(at("GS://bucket/a.png"), ["storage GS://bucket/a.png"]);
    for public in [
        "https://www.youtube.com/watch?v=1",
        "https://storage.googleapis.com/b/a",
        "data:image/png;base64,AA",
    ] {
        assert_eq!(at(public), [""; 0], "{public}");
    }
    for name in ["cachedContent", "cached_content", "CachedContent"] {
        assert_eq!(
            of(&GEMINI, &format!(r#"{{"{name}":"cachedContents/1"}}"#)),
            ["cached_content cachedContents/1"]
        );
    }
    let answer = r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"fileUri":"files/mine"}}},{"functionCall":{"name":"f","args":{"fileUri":"files/mine"}}}]}]}"#;
    assert_eq!(of(&GEMINI, answer), [""; 0]);
}

#[test]
fn bedrock_refers_to_storage_and_guardrails() {
    let body = r#"{"messages":[{"role":"user","content":[{"document":{"source":{"s3Location":{"uri":"s3://bucket/key","bucketOwner":"1"}}}},{"toolResult":{"content":[{"json":{"uri":"s3://mine"}}]}}]}],
        "guardrailConfig":{"guardrailIdentifier":"arn:aws:bedrock:eu-central-1:1:guardrail/g"},"additionalModelRequestFields":{"mcp_servers":[{"type":"url","url":"https://mcp.example","name":"n"}]}}"#;
    assert_eq!(
        of(&BEDROCK, body),
        [
            "storage s3://bucket/key",
            "guardrail arn:aws:bedrock:eu-central-1:1:guardrail/g",
            "mcp@https://mcp.example"
        ]
    );
}

#[test]
fn tools_of_every_format() {
    let tools = |members: &Members, tool: &str| {
        let before = if members.model { r#""model":"m","# } else { "" };
        of(members, &format!(r#"{{{before}"tools":[{tool}]}}"#))
    };
    for (tool, kind) in [
        (r#"{"type":"web_search"}"#, "web_search"),
        (r#"{"type":"WEB_SEARCH"}"#, "web_search"),
        (r#"{"type":"webSearch"}"#, "web_search"),
        (r#"{"type":"web_search_preview_2025_03_11"}"#, "web_search"),
        (r#"{"type":"code_interpreter","container":{"type":"auto"}}"#, "code_interpreter"),
        (r#"{"type":"shell","environment":{"type":"container_auto"}}"#, "code_interpreter"),
        (r#"{"type":"image_generation"}"#, "image_generation"),
        (
            r#"{"type":"mcp","server_label":"l","server_url":"https://mcp.example/a"}"#,
            "mcp@https://mcp.example/a",
        ),
        (r#"{"type":"mcp","connector_id":"connector_gmail"}"#, "mcp@connector_gmail"),
        (r#"{"type":"mcp","server_label":"l"}"#, "mcp"),
        (r#"{"type":"telepathy"}"#, "telepathy"),
        (r#"{"type":7}"#, "unknown"),
        (r#"{"description":"?"}"#, "unknown"),
        (r#""web_search""#, "web_search"),
        (r#"{"type":"function","Type":"web_search","function":{"name":"f"}}"#, "web_search"),
        (r#"{"type":"function","google_search":{},"function":{"name":"f"}}"#, "web_search"),
        (r#"{"type":"namespace","name":"n","tools":[{"type":"web_search"}]}"#, "web_search"),
        (r#"{"type":"builtin_function","function":{"name":"$web_search"}}"#, "web_search"),
    ] {
        assert_eq!(tools(&Members::OPENAI, tool), [kind], "{tool}");
        assert_eq!(tools(&Members::RESPONSES, tool), [kind], "{tool}");
    }
    for (tool, kind) in [
        (r#"{"type":"web_search_20250305","name":"web_search"}"#, "web_search"),
        (r#"{"type":"web_fetch_20250910","name":"web_fetch"}"#, "web_fetch"),
        (r#"{"type":"code_execution_20250825","name":"code_execution"}"#, "code_interpreter"),
        (r#"{"type":"mind_reading_20290101","name":"f"}"#, "mind_reading_20290101"),
    ] {
        assert_eq!(tools(&ANTHROPIC, tool), [kind], "{tool}");
    }
    for (tool, kind) in [
        (r#"{"googleSearch":{}}"#, "web_search"),
        (r#"{"google_search_retrieval":{}}"#, "web_search"),
        (r#"{"urlContext":{}}"#, "web_fetch"),
        (r#"{"codeExecution":{}}"#, "code_interpreter"),
        (r#"{"functionDeclarations":[],"googleMaps":{}}"#, "maps"),
        (r#"{"telepathy":{}}"#, "telepathy"),
        (r#"{"name":"f","telepathy":{}}"#, "telepathy"),
        (
            r#"{"mcpServers":[{"name":"n","streamableHttpTransport":{"url":"https://mcp.example"}}]}"#,
            "mcp@https://mcp.example",
        ),
    ] {
        assert_eq!(tools(&GEMINI, tool), [kind], "{tool}");
    }
    let store = r#"{"fileSearch":{"fileSearchStoreNames":["fileSearchStores/1"]}}"#;
    assert_eq!(tools(&GEMINI, store), ["vector_store fileSearchStores/1", "file_search"]);
    let of_bedrock = |tool: &str| of(&BEDROCK, &format!(r#"{{"toolConfig":{{"tools":[{tool}]}}}}"#));
    assert_eq!(of_bedrock(r#"{"systemTool":{"name":"nova_grounding"}}"#), ["web_search"]);
    assert_eq!(of_bedrock(r#"{"systemTool":{"name":"nova_other"}}"#), ["nova_other"]);
    assert_eq!(
        of_bedrock(
            r#"{"toolSpec":{"name":"f","inputSchema":{"json":{}}}},{"cachePoint":{"type":"default"}}"#
        ),
        [""; 0]
    );
    assert_eq!(
        responses(
            r#""tools":[{"type":"file_search","vector_store_ids":["vs_1","vs_2"]},{"type":"code_interpreter","container":"cntr_1"}]"#
        ),
        ["vector_store vs_1", "vector_store vs_2", "container cntr_1", "file_search", "code_interpreter"]
    );
}

#[test]
fn callers_own_functions_are_nothing_to_us() {
    for tool in [
        r#"{"type":"function","function":{"name":"web_search","parameters":{"type":"object","properties":{"file_id":{"type":"string","default":"f"},"tools":{"type":"web_search"}}}}}"#,
        r#"{"type":"custom","name":"f"}"#,
        r#"{"type":"local_shell"}"#,
        r#"{"type":"shell","environment":{"type":"local"}}"#,
        r#"{"type":"computer_use_preview","environment":"browser"}"#,
    ] {
        assert_eq!(chat(&format!(r#""tools":[{tool}]"#)), [""; 0], "{tool}");
    }
    for tool in [
        r#"{"name":"f","input_schema":{"type":"object","properties":{"url":{"const":"s3://x"}}}}"#,
        r#"{"type":"computer_20250124","name":"computer"}"#,
        r#"{"type":"text_editor_20250728","name":"e"}"#,
        r#"{"type":"bash_20250124","name":"bash"}"#,
        r#"{"type":"memory_20250818","name":"memory"}"#,
    ] {
        let body = format!(r#"{{"model":"m","tools":[{tool}]}}"#);
        assert_eq!(of(&ANTHROPIC, &body), [""; 0], "{tool}");
    }
    assert_eq!(of(&GEMINI, r#"{"tools":[{"function_declarations":[{"name":"f"}]}]}"#), [""; 0]);
    assert_eq!(chat(r#""metadata":{"file_id":"mine"},"tool_choice":{"type":"web_search"}"#), [""; 0]);
}

#[test]
fn members_switch_tools_on_by_themselves() {
    for (member, kind) in [
        (r#""web_search_options":{}"#, "web_search"),
        (r#""search_parameters":{"mode":"auto"}"#, "web_search"),
        (r#""enable_search":true"#, "web_search"),
        (r#""extra_body":{"enable_search":true}"#, "web_search"),
        (r#""data_sources":[{"type":"azure_search"}]"#, "file_search"),
        (r#""plugins":[{"id":"web"}]"#, "web_search"),
        (r#""connectors":[{"id":"web-search"}]"#, "web_search"),
        (r#""plugins":[{"id":"file-parser"}]"#, "file-parser"),
        (r#""mcp_servers":[{"type":"url","url":"https://a.example","name":"a"}]"#, "mcp@https://a.example"),
        (r#""mcp_servers":{"a":{"url":"https://a.example"}}"#, "mcp@https://a.example"),
        (r#""mcp_servers":[{"name":"a"}]"#, "mcp"),
    ] {
        assert_eq!(chat(member), [kind], "{member}");
    }
    assert_eq!(
        chat(r#""enable_search":false,"web_search_options":null,"plugins":[],"mcp_servers":[]"#),
        [""; 0]
    );
}

#[test]
fn no_spelling_hides_anything() {
    for body in [
        r#""messages":[{"content":[{"file":{"file\u005fid":"file-1"}}]}]"#,
        r#""messages":[{"content":[{"file":{"FILE_ID":"file-1"}}]}]"#,
        r#""messages":[{"content":[{"file":{"fileId":"file-1"}}]}]"#,
        r#""messages":[{"content":[[[{"x":{"y":[{"file_id":"file\u002d1"}]}}]]]}]"#,
        r#""messages":[{"content":[{"file":{"file_ids":[["file-1"]]}}]}]"#,
        "\"x\":{\"file_\u{131}d\":\"no\",\"file_id\":\"file-1\"}",
    ] {
        assert_eq!(chat(body), ["file file-1"], "{body}");
    }
    let refused = |body: &str| {
        let request = Request::scan(&Bytes::copy_from_slice(body.as_bytes()), &Members::OPENAI);
        request.and_then(|request| request.reach()).unwrap_err().code().name()
    };
    // Which of two counts is up to the provider's parser.
    assert_eq!(
        refused(r#"{"model":"m","messages":[{"file":{"file_id":"a","file_id":"b"}}]}"#),
        "ai_request_ambiguous"
    );
    assert_eq!(
        refused(r#"{"model":"m","messages":[{"file":{"file_id":"a","file\u005fid":"b"}}]}"#),
        "ai_request_ambiguous"
    );
    assert_eq!(
        refused(r#"{"model":"m","tools":[],"tools":[{"type":"web_search"}]}"#),
        "ai_request_ambiguous"
    );
    assert_eq!(refused(r#"{"model":"m","previous\u005fresponse_id":"resp_1"}"#), "ai_request_ambiguous");
    // Two spellings are two members to one parser, and one to another: both count.
    assert_eq!(chat(r#""x":{"file_id":"a","fileId":"b"}"#), ["file a", "file b"]);
    let many: Vec<_> = (0..257).map(|n| format!("\"file-{n}\"")).collect();
    assert_eq!(
        refused(&format!(r#"{{"model":"m","x":{{"file_ids":[{}]}}}}"#, many.join(","))),
        "ai_request_invalid"
    );
}

#[test]
fn most_requests_are_read_once() {
    let request = |members: &Members, body: &str| {
        let read = Request::scan(&Bytes::copy_from_slice(body.as_bytes()), members).unwrap();
        matches!(read.reaches, Reaches::Perhaps(..))
    };
    let plain = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"file_id\u0020tools"}]}],"stream":true,"temperature":0.5}"#;
    assert!(!request(&Members::OPENAI, plain));
    assert!(request(&Members::OPENAI, r#"{"model":"m","x":{"\u0061":1}}"#), "an escaped name may be any");
    // Of the others what may matter, wherever it stands.
    let some = r#"{"tools":[{"type":"web_search"}] , "model":"m","messages":[], "y" :{"file_id":"f"}}"#;
    let read = Request::scan(&Bytes::copy_from_slice(some.as_bytes()), &Members::OPENAI).unwrap();
    let Reaches::Perhaps(members, _) = &read.reaches else { panic!() };
    let members: Vec<&str> = members.iter().map(|member| &some[member.clone()]).collect();
    assert_eq!(members, [r#""tools":[{"type":"web_search"}]"#, r#""y" :{"file_id":"f"}"#]);
    assert_eq!((read.reach().unwrap().tools.len(), read.reach().unwrap().ids.len()), (1, 1));
    let twice = r#"{"model":"m","y":{"file_id":"f","file_id":"g"}}"#;
    let read = Request::scan(&Bytes::copy_from_slice(twice.as_bytes()), &Members::OPENAI).unwrap();
    let said = read.reach().unwrap_err().public_detail().to_owned();
    assert!(said.contains(&format!("at byte {}", twice.rfind("\"file_id").unwrap())), "{said}");
    assert_eq!(chat(r#""x":{"\u0061":1}"#), [""; 0]);
}

/// Every name that the walk acts on is one that the scan notices.
#[test]
fn the_scan_overlooks_nothing() {
    let source = [include_str!("ids.rs"), include_str!("tools.rs")].concat();
    let acts = ["(\"", "\""];
    for line in source.lines().map(str::trim).filter(|line| line.starts_with(acts[0])) {
        let Some(name) = line[2..].split(acts[1]).next() else { continue };
        let by_type = line.contains("Callers)") || line.contains("Runs(") || line.contains("Shell)");
        // These stand within others.
        let inner = name.starts_with("nova") || name == "streamablehttptransport";
        if !by_type && !inner {
            assert!(name::matters(name.as_bytes()), "{name}");
        }
    }
    for name in
        ["tools", "mcpservers", "connectors", "plugins", "audio", "skillid", "s3location", "uri", "url"]
    {
        assert!(name::matters(name.as_bytes()), "{name}");
    }
}
