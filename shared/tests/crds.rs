//! The manifests in `manifests/crd` are what the types in `netintent::crd` say. `UPDATE=1` writes them anew.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};
use netintent::crd;
use netintent::manifest::text;
use serde_json::Value;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const HEADER: &str = "# Made from shared/src/crd.rs: UPDATE=1 cargo test -p netintent --test crds\n";

/// The longest line that text is folded to.
const WIDTH: i32 = 120;

/// A value as YAML in block style.
fn yaml(value: &Value) -> Result<String> {
    let mut output = Vec::new();
    let mut emitter = Emitter::new();
    emitter.set_output_string(&mut output);
    emitter.set_unicode(true);
    emitter.set_width(WIDTH);
    emitter.emit(Event::stream_start(Encoding::Utf8))?;
    emitter.emit(Event::document_start(None, &[], true))?;
    emit(&mut emitter, value)?;
    emitter.emit(Event::document_end(true))?;
    emitter.emit(Event::stream_end())?;
    emitter.flush()?;
    drop(emitter);
    Ok(String::from_utf8(output)?)
}

fn emit(emitter: &mut Emitter<'_>, value: &Value) -> Result {
    match value {
        Value::String(text) => emitter.emit(string(text))?,
        Value::Array(items) => {
            emitter.emit(Event::sequence_start(None, None, true, SequenceStyle::Block))?;
            items.iter().try_for_each(|item| emit(emitter, item))?;
            emitter.emit(Event::sequence_end())?;
        }
        Value::Object(entries) => {
            emitter.emit(Event::mapping_start(None, None, true, MappingStyle::Block))?;
            for (key, value) in entries {
                emitter.emit(string(key))?;
                emit(emitter, value)?;
            }
            emitter.emit(Event::mapping_end())?;
        }
        scalar => emitter.emit(Event::scalar(None, None, &scalar.to_string(), true, false, ScalarStyle::Plain))?,
    }
    Ok(())
}

/// A string is quoted where its text alone would be read as something else, such as `true`.
fn string(text: &str) -> Event {
    let plain = parsed(text).is_ok_and(|value| value == Value::String(text.to_owned()));
    let style = match text {
        _ if text.contains('\n') => ScalarStyle::Literal,
        _ if plain => ScalarStyle::Any,
        _ => ScalarStyle::SingleQuoted,
    };
    Event::scalar(None, None, text, plain, true, style)
}

/// The value that kubectl would read.
fn parsed(text: &str) -> Result<Value> {
    let documents = text::documents(text.as_bytes())?;
    let [document] = &documents[..] else { return Err("not one document".into()) };
    Ok(text::parse(document)?.as_ref().map_or(Ok(Value::Null), json)?)
}

fn json(node: &text::Node) -> serde_json::Result<Value> {
    Ok(match &node.value {
        text::Value::Null => Value::Null,
        text::Value::Bool(value) => Value::Bool(*value),
        text::Value::Number(written) => serde_json::from_str(written)?,
        text::Value::String(text) => Value::String(text.clone()),
        text::Value::Sequence(items) => items.iter().map(json).collect::<serde_json::Result<_>>()?,
        text::Value::Mapping(entries) => {
            entries.iter().map(|e| Ok((e.key.clone(), json(&e.value)?))).collect::<serde_json::Result<_>>()?
        }
    })
}

#[test]
fn manifests_are_what_the_types_say() -> Result {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/crd");
    for definition in crd::definitions() {
        let value = serde_json::to_value(&definition)?;
        let wanted = format!("{HEADER}{}", yaml(&value)?);
        assert_eq!(parsed(&wanted)?, value, "the YAML says what the type says");
        let path = folder.join(format!("{}.yaml", definition.spec.names.plural));
        if env::var_os("UPDATE").is_some_and(|v| v == "1") {
            fs::write(&path, &wanted)?;
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == wanted,
            "{} is not what crd.rs says: UPDATE=1 cargo test -p netintent --test crds",
            path.display()
        );
    }
    Ok(())
}

/// The object of the documentation, through the type and back.
#[test]
fn the_types_take_what_manifests_say() -> Result {
    let manifest = "apiVersion: netintent.dev/v1alpha1
kind: Approval
metadata: {namespace: bank, name: frontend-refunds}
spec:
  callers: [shop/frontend]
  callees: ['ledger:rpc']
  reason: refunds, PAY-1234
  expiresAt: 2027-06-30T00:00:00Z
  from:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}
";
    let value = parsed(manifest)?;
    let approval: crd::Approval = serde_json::from_value(value.clone())?;
    assert_eq!(approval.spec.from.len(), 1);
    assert_eq!(serde_json::to_value(&approval)?, value);
    Ok(())
}
