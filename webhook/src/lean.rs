//! Objects as the API server sends them, without `metadata.managedFields`: nothing hangs on it, and it is the one part of the
//! metadata that users may write as deep as they like. A parser that gives up there would lose the whole list, and with it
//! what everybody else has written.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How many values one question about an object may hold. The longest Approval has a tenth of it; junk that is written in
/// two bytes takes sixty.
const MOST: usize = 250_000;

/// An object. What is left out is passed over without a stack, however deep it is.
#[derive(Clone, Debug)]
pub(crate) struct Lean(pub(crate) Value);

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part { place: Place::Object, left: &Cell::new(usize::MAX) }.deserialize(deserializer).map(Self)
    }
}

/// The same of whoever may ask, who is not always the API server: an error where it has too many values.
#[derive(Clone, Debug)]
pub(crate) struct Bounded(pub(crate) Value);

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part { place: Place::Object, left: &Cell::new(MOST) }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Object,
    Metadata,
    Elsewhere,
}

/// A value at a place, and how many more there may be.
#[derive(Clone, Copy)]
struct Part<'l> {
    place: Place,
    left: &'l Cell<usize>,
}

impl Part<'_> {
    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(D::Error::custom(format_args!("it has more than {MOST} values")));
        };
        self.left.set(left);
        match self.place {
            Place::Object | Place::Metadata => deserializer.deserialize_map(self),
            Place::Elsewhere => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.place == Place::Elsewhere { "a value" } else { "an object of Kubernetes" })
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.at(Place::Elsewhere))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let place = match (self.place, key.as_str()) {
                (Place::Metadata, "managedFields") => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                (Place::Object, "metadata") => Place::Metadata,
                _ => Place::Elsewhere,
            };
            object.insert(key, map.next_value_seed(self.at(place))?);
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
    #[test]
    fn junk_is_refused_before_it_is_large() {
        let text = |count: usize| format!("{{\"spec\":[{}0]}}", "0,".repeat(count));
        assert!(serde_json::from_str::<Bounded>(&text(MOST - 3)).is_ok());
        let error = serde_json::from_str::<Bounded>(&text(MOST)).unwrap_err().to_string();
        assert!(error.starts_with("it has more than 250000 values"), "{error}");
        assert!(serde_json::from_str::<Lean>(&text(MOST)).is_ok());
    }

    #[test]
    fn values_are_those_of_the_text() {
        let text =
            r#"{"a":[null,true,-1,18446744073709551615,1.5,"x",{"metadata":{"managedFields":1}}],"metadata":{}}"#;
        let lean: Lean = serde_json::from_str(text).unwrap();
        assert_eq!(lean.0, serde_json::from_str::<Value>(text).unwrap());
    }
}
