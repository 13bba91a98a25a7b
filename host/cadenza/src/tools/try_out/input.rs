//! Traces of a file: OTLP as protobuf or JSON, a line of JSON per request, or what a trace-by-id query answers.

use crate::tools::subject;
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadenza_model::{Columns, hex, otlp};
use serde_json::Value;
use std::path::Path;

/// Largest file of traces: all of it is held several times, decoded and not.
const INPUT_BYTES_MAX: u64 = 64 << 20;
/// Base64 of a trace id and of a span id, padding included; hex is of other lengths.
const TRACE_ID_BASE64: usize = 24;
const SPAN_ID_BASE64: usize = 12;

/// Reads the requests of a file, each into columns of its own: each is a batch.
pub(in crate::tools) fn requests(path: &Path) -> Result<Vec<Columns>> {
    let bytes = subject::read(path, "input_bytes_max", INPUT_BYTES_MAX)?;
    let name = || path.display().to_string();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let requests = match ending {
        "pb" | "binpb" => vec![protobuf(&bytes).with_context(name)?],
        "json" => vec![json(&bytes).with_context(name)?],
        "jsonl" | "ndjson" => {
            let lines = bytes.split(|&byte| byte == b'\n').enumerate();
            let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
            let read = |(at, line)| json(line).with_context(|| format!("{}, line {}", name(), at + 1));
            lines.map(read).collect::<Result<_>>()?
        }
        _ => bail!(
            "{}: an ending says what is in a file: .pb or .binpb (OTLP as protobuf), .json (OTLP or a trace-by-id \
             answer), .jsonl (a line of JSON per request)",
            name()
        ),
    };
    if requests.iter().all(|columns| columns.spans.is_empty()) {
        bail!("{}: no spans in it", name());
    }
    Ok(requests)
}

fn protobuf(bytes: &[u8]) -> Result<Columns> {
    let mut columns = Columns::new();
    otlp::decode(bytes, &mut columns).context("not an OTLP ExportTraceServiceRequest")?;
    Ok(columns)
}

fn json(bytes: &[u8]) -> Result<Columns> {
    // OTLP goes to the reader as it is, so that its errors name the place in the file.
    let text = match serde_json::from_slice::<Value>(bytes) {
        Ok(answer) => rewritten(answer)?,
        Err(_) => None,
    };
    let mut columns = Columns::new();
    let text = text.as_deref().unwrap_or(bytes);
    otlp::decode_json(text, &mut columns).context("neither OTLP/JSON nor a trace-by-id answer")?;
    Ok(columns)
}

/// OTLP/JSON of a trace-by-id answer (v1: `batches`, v2: `trace`), whose ids are in base64; nothing if the text is
/// OTLP/JSON already.
fn rewritten(mut answer: Value) -> Result<Option<Vec<u8>>> {
    let Value::Object(fields) = &mut answer else {
        bail!("not a JSON object, but OTLP/JSON and trace-by-id answers are");
    };
    let spans = match (fields.remove("batches"), fields.get_mut("trace").map(Value::take)) {
        (Some(batches), _) => batches,
        (None, Some(mut trace)) => {
            let named = ["resourceSpans", "batches"].iter().find(|name| !trace[**name].is_null());
            named.map_or(Value::Null, |name| trace[*name].take())
        }
        (None, None) if fields.contains_key("resourceSpans") || fields.contains_key("resource_spans") => {
            return Ok(None);
        }
        (None, None) => {
            bail!("no `resourceSpans` (OTLP/JSON), `batches` or `trace` (trace-by-id answers) in it")
        }
    };
    let mut request = serde_json::json!({ "resourceSpans": spans });
    for span in list(&mut request["resourceSpans"])
        .flat_map(|resource| list(&mut resource["scopeSpans"]))
        .flat_map(|scope| list(&mut scope["spans"]))
    {
        hex_ids(span);
        list(&mut span["links"]).for_each(hex_ids);
    }
    Ok(Some(serde_json::to_vec(&request)?))
}

fn list(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten().filter(|item| item.is_object())
}

fn hex_ids(owner: &mut Value) {
    for (name, length) in
        [("traceId", TRACE_ID_BASE64), ("spanId", SPAN_ID_BASE64), ("parentSpanId", SPAN_ID_BASE64)]
    {
        let Some(Value::String(id)) = owner.get_mut(name) else { continue };
        if id.len() == length
            && let Ok(bytes) = STANDARD.decode(&*id)
        {
            *id = hex(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Result<usize> {
        json(text.as_bytes()).map(|columns| columns.spans.len())
    }

    #[test]
    fn otlp_and_both_answers_of_a_query_are_read() {
        let hex = r#"[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"000102030405060708090a0b0c0d0e0f",
            "spanId":"0001020304050607","name":"a"}]}]}]"#;
        let base64 = hex
            .replace("000102030405060708090a0b0c0d0e0f", "AAECAwQFBgcICQoLDA0ODw==")
            .replace("0001020304050607", "AAECAwQFBgc=");
        let check = |text: String| assert_eq!(spans(&text).expect("read"), 1, "{text}");
        check(format!(r#"{{"resourceSpans":{hex}}}"#));
        check(format!(r#"{{"batches":{base64}}}"#));
        check(format!(r#"{{"batches":{hex}}}"#));
        check(format!(r#"{{"trace":{{"resourceSpans":{base64}}},"metrics":{{}}}}"#));
    }

    #[test]
    fn what_is_none_of_them_is_refused_by_what_it_lacks() {
        let check = |text: &str, expect: &str| {
            let error = format!("{:#}", spans(text).expect_err(text));
            assert!(error.contains(expect), "{text}: {error}");
        };
        check("[]", "not a JSON object");
        check("{}", "no `resourceSpans`");
        check("{\"resourceSpans\": [\n{]}", "line 2");
        check(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}"#, "neither");
    }
}
