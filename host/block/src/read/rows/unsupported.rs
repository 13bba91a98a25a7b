//! `ValueUnsupported`: the protobuf JSON of an AnyValue, back to its encoding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cadenza_model::AttrType;
use serde_json::Value;

/// The type and the encoded message. JSON that is no AnyValue becomes the string value of its text: shown
/// as it is rather than lost.
pub(crate) fn decode(json: &[u8]) -> (AttrType, Vec<u8>) {
    let parsed = serde_json::from_slice::<Value>(json).ok();
    let mut out = Vec::new();
    let ty = parsed.and_then(|value| any_value(&value, &mut out)).unwrap_or_else(|| {
        out.clear();
        message(1, String::from_utf8_lossy(json).as_bytes(), &mut out);
        AttrType::Str
    });
    (ty, out)
}

/// Appends the fields of the AnyValue; serde_json bounds the depth at 128.
fn any_value(json: &Value, out: &mut Vec<u8>) -> Option<AttrType> {
    let fields = json.as_object()?;
    let Some((name, value)) = fields.iter().next() else { return Some(AttrType::Empty) };
    match name.as_str() {
        "stringValue" => {
            message(1, value.as_str()?.as_bytes(), out);
            Some(AttrType::Str)
        }
        "boolValue" => {
            out.extend([0x10, u8::from(value.as_bool()?)]);
            Some(AttrType::Bool)
        }
        "intValue" => {
            out.push(0x18);
            varint(integer(value)? as u64, out);
            Some(AttrType::Int)
        }
        "doubleValue" => {
            out.push(0x21);
            out.extend(double(value)?.to_le_bytes());
            Some(AttrType::Double)
        }
        "arrayValue" => {
            let mut list = Vec::new();
            for element in values(value)? {
                let mut inner = Vec::new();
                any_value(element, &mut inner)?;
                message(1, &inner, &mut list);
            }
            message(5, &list, out);
            Some(AttrType::Array)
        }
        "kvlistValue" => {
            let mut list = Vec::new();
            for entry in values(value)? {
                message(1, &key_value(entry)?, &mut list);
            }
            message(6, &list, out);
            Some(AttrType::Map)
        }
        "bytesValue" => {
            message(7, &STANDARD.decode(value.as_str()?).ok()?, out);
            Some(AttrType::Bytes)
        }
        _ => None,
    }
}

fn values(json: &Value) -> Option<&[Value]> {
    match json.as_object()?.get("values") {
        Some(values) => Some(values.as_array()?),
        None => Some(&[]),
    }
}

fn key_value(json: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    if let Some(key) = json.get("key").and_then(Value::as_str)
        && !key.is_empty()
    {
        message(1, key.as_bytes(), &mut out);
    }
    if let Some(value) = json.get("value").filter(|value| !value.is_null()) {
        let mut inner = Vec::new();
        any_value(value, &mut inner)?;
        message(2, &inner, &mut out);
    }
    Some(out)
}

fn integer(json: &Value) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.parse().ok())
}

fn double(json: &Value) -> Option<f64> {
    match json.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(text) => text.parse().ok(),
        None => json.as_f64(),
    }
}

fn message(field: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadenza_model::hex;

    #[test]
    fn each_form_comes_back_as_its_encoding() {
        let rows = [
            (r"{}", AttrType::Empty, ""),
            (r#"{"bytesValue":"3q2+7w=="}"#, AttrType::Bytes, "3a04deadbeef"),
            (
                r#"{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"-1"}]}}"#,
                AttrType::Array,
                "2a120a030a01610a0b18ffffffffffffffffff01",
            ),
            (r#"{"arrayValue":{"values":[{"boolValue":true},{}]}}"#, AttrType::Array, "2a060a0210010a00"),
            (
                r#"{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":1}}]}}"#,
                AttrType::Map,
                "32100a0e0a016b120921000000000000f03f",
            ),
            (r#"{"kvlistValue":{}}"#, AttrType::Map, "3200"),
        ];
        for (json, ty, bytes) in rows {
            let (got, encoded) = decode(json.as_bytes());
            assert_eq!((got, hex(&encoded).as_str()), (ty, bytes), "{json}");
        }
    }

    #[test]
    fn what_is_no_value_is_shown_as_text() {
        for json in ["nonsense", "[1]", r#"{"bytesValue":"!"}"#, r#"{"otherValue":1}"#] {
            let (ty, encoded) = decode(json.as_bytes());
            assert_eq!((ty, &encoded[2..]), (AttrType::Str, json.as_bytes()), "{json}");
        }
    }
}
