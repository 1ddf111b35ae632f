//! Objects as the API server sends them, without `metadata.managedFields`: nothing hangs on it, and it is the one part of the
//! metadata that users may write as deep as they like. A parser that gives up there would lose the whole list, and with it
//! what everybody else has written.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An object. What is left out is passed over without a stack, however deep it is.
#[derive(Clone, Debug)]
pub(crate) struct Lean(pub(crate) Value);

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part::Object.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Object,
    Metadata,
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of Kubernetes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match (self, key.as_str()) {
                (Self::Metadata, "managedFields") => drop(map.next_value::<IgnoredAny>()?),
                (Self::Object, "metadata") => drop(object.insert(key, map.next_value_seed(Self::Metadata)?)),
                _ => drop(object.insert(key, map.next_value()?)),
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_needs_may_be_of_any_depth() {
        let deep = "{\"f:a\":".repeat(5_000) + "{}" + &"}".repeat(5_000);
        let text =
            format!("{{\"metadata\":{{\"name\":\"a\",\"managedFields\":[{deep}]}},\"spec\":{{\"metadata\":1}}}}");
        assert!(serde_json::from_str::<Value>(&text).is_err());
        let lean: Lean = serde_json::from_str(&text).unwrap();
        assert_eq!(lean.0, serde_json::json!({"metadata": {"name": "a"}, "spec": {"metadata": 1}}));
    }
}
