//! What there is to say about manifests besides who may call whom: mistakes, risks, and what has no effect.
//!
//! Every finding has a [`Code`]. Reading and [`crate::snapshot`] find some of them, [`crate::check`] all the others.

use std::ops::Range;

use crate::objects::{Kind, Metadata, Origin, Text};

mod code;

pub use code::{Code, Meaning, Severity};

/// One thing that the reader should know of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which of the things that can be found it is.
    pub code: Code,
    /// What it is, as a sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The object it is about.
    pub object: Option<ObjectName>,
    /// Where.
    pub place: Option<Place>,
    /// Whether every command warns of it, and not `check` alone.
    pub told: bool,
}

/// The object that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A place in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The whole of an object or string, or where it begins.
    Whole(Origin),
    /// The bytes of a string's decoded value.
    Part(Text, Range<usize>),
    /// A field of the object that begins there, or as much of the way to it as there is.
    Field(Origin, Vec<Step>),
}

/// A step on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the value of a key.
    Key(String),
    /// Into an item of a list.
    Item(usize),
    /// To the first mapping within that has this value for this key, and there to the value.
    Holding(&'static str, String),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

impl ObjectName {
    /// Of an object's kind and metadata.
    pub fn new(kind: impl Into<Kind>, metadata: &Metadata) -> Self {
        Self { kind: kind.into(), namespace: metadata.namespace.clone(), name: metadata.name.clone() }
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.namespace.as_str() {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

impl Place {
    /// A field of an object; none where the object has no place.
    pub fn field(origin: Option<Origin>, path: Vec<Step>) -> Option<Self> {
        origin.map(|origin| Self::Field(origin, path))
    }

    /// The object or string in which it is.
    pub fn origin(&self) -> Option<Origin> {
        match self {
            Self::Whole(origin) | Self::Field(origin, _) => Some(*origin),
            Self::Part(text, _) => text.origin,
        }
    }
}

impl Finding {
    /// About the input as a whole, until more is known.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, object: None, place: None, told: code.meaning().told }
    }

    /// What to do: for this finding, or for its code in general.
    pub fn advice(&self) -> &str {
        self.help.as_deref().unwrap_or(self.code.meaning().fix)
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// The object it is about; it begins where the finding is, unless a place says better.
    #[must_use]
    pub fn about(mut self, kind: impl Into<Kind>, metadata: &Metadata) -> Self {
        self.object = Some(ObjectName::new(kind, metadata));
        self.place = self.place.or(metadata.origin.map(Place::Whole));
        self
    }

    /// A field of its object, on the way given.
    #[must_use]
    pub fn field(mut self, path: impl IntoIterator<Item = Step>) -> Self {
        let origin = self.place.as_ref().and_then(Place::origin);
        self.place = Place::field(origin, path.into_iter().collect());
        self
    }

    /// Where it is.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into().or(self.place);
        self
    }

    /// Where a whole object or node is.
    #[must_use]
    pub fn at_origin(self, origin: Option<Origin>) -> Self {
        self.at(origin.map(Place::Whole))
    }

    /// Where a part of a string is.
    #[must_use]
    pub fn at_text(self, text: &Text, part: Range<usize>) -> Self {
        let place = text.origin.is_some().then(|| Place::Part(text.clone(), part));
        self.at(place)
    }
}

/// The names of a few, and how many more there are: `a, b and 3 more`.
pub(crate) fn some<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 3;
    let mut names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    match (more, names.pop()) {
        (_, None) => String::new(),
        (0, Some(last)) if names.is_empty() => last,
        (0, Some(last)) => format!("{} and {last}", names.join(", ")),
        (more, Some(last)) => {
            names.push(last);
            format!("{} and {more} more", names.join(", "))
        }
    }
}
