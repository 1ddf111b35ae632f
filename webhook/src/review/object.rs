//! What of an object decides: a Pod, a Binding, or a workload with its template. All else is passed over unread.

use std::borrow::Cow;
use std::fmt;

use netintent::names;
use netintent::objects::{Metadata, Owner};
use netintent::selector::Labels;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many labels a selector has at most. The API server refuses more where ours may be among them.
const MAX_SELECTOR: usize = 1024;
/// How many entries of a map are kept: more than an object can hold, so that nobody else makes much out of little.
const MAX_KEPT: usize = 100_000;

/// An object, as far as it decides.
#[derive(Debug, Default, Deserialize)]
pub struct ObjectView<'a> {
    /// Its metadata.
    #[serde(borrow, default)]
    pub metadata: MetadataView<'a>,
    /// Its spec.
    #[serde(borrow, default)]
    spec: Option<SpecView<'a>>,
}

impl<'a> ObjectView<'a> {
    /// The template of its pods; `None` for what has none.
    pub fn template(&self) -> Option<&TemplateView<'a>> {
        let spec = self.spec.as_ref()?;
        let of_job = || spec.job_template.as_ref()?.spec.as_ref()?.template.as_ref();
        spec.template.as_ref().or_else(of_job)
    }

    /// The ServiceAccount of a Pod.
    pub fn service_account(&self) -> &str {
        self.spec.as_ref().map_or(DEFAULT_ACCOUNT, PodSpecView::account)
    }

    /// What a workload selects its pods by, as far as it is labels, as `kubectl -l` takes it.
    pub fn selector(&self) -> Option<String> {
        let labels = &self.spec.as_ref()?.selector.as_ref()?.match_labels.as_ref()?;
        Some(labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","))
    }
}

const DEFAULT_ACCOUNT: &str = "default";

/// A pod template.
#[derive(Debug, Default, Deserialize)]
pub struct TemplateView<'a> {
    /// Its metadata.
    #[serde(borrow, default)]
    pub metadata: Option<MetadataView<'a>>,
    #[serde(borrow, default)]
    spec: Option<TemplateSpecView<'a>>,
}

impl TemplateView<'_> {
    /// The ServiceAccount of its pods.
    pub fn service_account(&self) -> &str {
        self.spec.as_ref().map_or(DEFAULT_ACCOUNT, PodSpecView::account)
    }

    /// An annotation of its pods.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.annotation(key)
    }
}

trait PodSpecView {
    fn names(&self) -> [Option<&str>; 2];

    /// The name of the ServiceAccount: the field's, its former name's, or `default`.
    fn account(&self) -> &str {
        self.names().into_iter().flatten().find(|name| !name.is_empty()).unwrap_or(DEFAULT_ACCOUNT)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpecView<'a> {
    #[serde(borrow, default)]
    template: Option<TemplateView<'a>>,
    #[serde(borrow, default)]
    job_template: Option<JobTemplateView<'a>>,
    #[serde(borrow, default)]
    service_account_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_account: Option<Cow<'a, str>>,
    #[serde(default)]
    selector: Option<SelectorView>,
}

impl PodSpecView for SpecView<'_> {
    fn names(&self) -> [Option<&str>; 2] {
        [self.service_account_name.as_deref(), self.service_account.as_deref()]
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemplateSpecView<'a> {
    #[serde(borrow, default)]
    service_account_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_account: Option<Cow<'a, str>>,
}

impl PodSpecView for TemplateSpecView<'_> {
    fn names(&self) -> [Option<&str>; 2] {
        [self.service_account_name.as_deref(), self.service_account.as_deref()]
    }
}

#[derive(Debug, Default, Deserialize)]
struct JobTemplateView<'a> {
    #[serde(borrow, default)]
    spec: Option<JobSpecView<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct JobSpecView<'a> {
    #[serde(borrow, default)]
    template: Option<TemplateView<'a>>,
}

/// A label selector. A ReplicationController has labels in its place, which are not read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SelectorView {
    #[serde(default, deserialize_with = "strings")]
    match_labels: Option<Vec<(String, String)>>,
}

/// A map of strings; too many are none. A label of a ReplicationController's selector may be called `matchLabels`: it is no
/// map.
fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<(String, String)>>, D::Error> {
    struct Strings;
    impl<'de> Visitor<'de> for Strings {
        type Value = Option<Vec<(String, String)>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("labels")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                if entries.len() <= MAX_SELECTOR {
                    entries.push(entry);
                }
            }
            Ok((entries.len() <= MAX_SELECTOR).then_some(entries))
        }
    }
    deserializer.deserialize_any(Strings)
}

/// The one owner that controls the object: it may name any number of others.
fn controlling<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OwnerView<'a>>, D::Error> {
    struct Owners<'a>(std::marker::PhantomData<&'a ()>);
    impl<'de: 'a, 'a> Visitor<'de> for Owners<'a> {
        type Value = Option<OwnerView<'a>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("owner references")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(owner) = seq.next_element::<OwnerView<'a>>()? {
                found = found.or(Some(owner).filter(|owner| owner.controller == Some(true)));
            }
            Ok(found)
        }
    }
    deserializer.deserialize_any(Owners(std::marker::PhantomData))
}

/// Metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataView<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    generate_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    labels: Option<Kept<'a, LabelKeys>>,
    #[serde(borrow, default)]
    annotations: Option<Kept<'a, AnnotationKeys>>,
    #[serde(borrow, default, rename = "ownerReferences", deserialize_with = "controlling")]
    controller: Option<OwnerView<'a>>,
}

/// An owner reference.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerView<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
}

impl MetadataView<'_> {
    /// Reserved labels, in the order of the object.
    pub fn reserved(&self) -> Vec<(&str, &str)> {
        let labels = self.labels.iter().flat_map(|kept| &kept.entries);
        labels.filter(|(key, _)| names::is_reserved(key)).map(|(key, value)| (&**key, &**value)).collect()
    }

    /// Whether there is a map of labels at all, be it empty.
    pub fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// The value of one of the annotations that decide something.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.entries.iter().find(|(k, _)| k == key).map(|(_, value)| &**value)
    }

    /// The object's own id, once it has one.
    pub fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }

    /// Whether an owner controls the object.
    pub fn is_controlled(&self) -> bool {
        self.controller.is_some()
    }

    /// The labels that tell who controls the object.
    pub fn labels(&self) -> Labels {
        let labels = self.labels.iter().flat_map(|kept| &kept.entries);
        labels.map(|(key, value)| (&**key, &**value)).collect()
    }

    /// The same as the domain has it, in `namespace`; without labels and annotations.
    pub fn of(&self, namespace: &str) -> Metadata {
        let given = |text: &Option<Cow<'_, str>>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        let (name, prefix) = (given(&self.name), given(&self.generate_name));
        let controller = self.controller.as_ref();
        let (name, stem) = Metadata::named(name.as_deref(), prefix.as_deref());
        Metadata {
            namespace: namespace.to_owned(),
            name,
            stem,
            controller: controller.and_then(|owner| Owner::new(&owner.api_version, &owner.kind, &owner.name)),
            ..Metadata::default()
        }
    }
}

/// Which keys of a map are kept.
trait Keys {
    fn keep(key: &str) -> bool;
}

#[derive(Debug)]
struct LabelKeys;

impl Keys for LabelKeys {
    fn keep(key: &str) -> bool {
        netintent::caller::HASH_LABELS.iter().any(|(label, _)| *label == key) || names::is_reserved(key)
    }
}

#[derive(Debug)]
struct AnnotationKeys;

impl Keys for AnnotationKeys {
    fn keep(key: &str) -> bool {
        key == names::MIRROR || key.starts_with("netintent.dev/")
    }
}

/// The entries of a map that are kept. A map of 90,000 labels takes the room of those few.
#[derive(Debug)]
struct Kept<'a, K> {
    entries: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    keys: std::marker::PhantomData<K>,
}

impl<'de: 'a, 'a, K: Keys> Deserialize<'de> for Kept<'a, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<K>(std::marker::PhantomData<K>);
        impl<'de, K: Keys> Visitor<'de> for Entries<K> {
            type Value = Vec<(Cow<'de, str>, Cow<'de, str>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Borrowed(key)) = map.next_key::<Borrowed<'de>>()? {
                    if K::keep(&key) {
                        if entries.len() == MAX_KEPT {
                            return Err(A::Error::custom(format_args!("a map has more than {MAX_KEPT} entries")));
                        }
                        entries.push((key, map.next_value::<Borrowed<'de>>()?.0));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(entries)
            }
        }
        let entries = deserializer.deserialize_map(Entries::<K>(std::marker::PhantomData))?;
        Ok(Self { entries, keys: std::marker::PhantomData })
    }
}

/// A string that is borrowed from the input where it stands there as it is.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
