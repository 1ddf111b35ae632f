//! Labels and label selectors, as `k8s.io/apimachinery/pkg/labels` has them.

use std::fmt;

/// A map of labels, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Vec<(Box<str>, Box<str>)>);

impl Labels {
    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok().map(|at| &*self.0[at].1)
    }

    /// Sets `key` to `value`.
    pub fn insert(&mut self, key: &str, value: &str) {
        match self.0.binary_search_by(|(k, _)| (**k).cmp(key)) {
            Ok(at) => self.0[at].1 = value.into(),
            Err(at) => self.0.insert(at, (key.into(), value.into())),
        }
    }

    /// Keeps the labels for which `keep` holds of the key.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(key, _)| keep(key));
    }

    /// The labels in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(K, V)> for Labels {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        let mut list: Vec<(Box<str>, Box<str>)> = pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        list.sort_unstable();
        list.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(list)
    }
}

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The label is there with one of the values.
    In,
    /// The label is not there, or with none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

impl Operator {
    /// As manifests write it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "In" => Some(Self::In),
            "NotIn" => Some(Self::NotIn),
            "Exists" => Some(Self::Exists),
            "DoesNotExist" => Some(Self::DoesNotExist),
            _ => None,
        }
    }

    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "In",
            Self::NotIn => "NotIn",
            Self::Exists => "Exists",
            Self::DoesNotExist => "DoesNotExist",
        }
    }
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// How it compares.
    pub operator: Operator,
    /// With what: at least one for `In` and `NotIn`, none for the others.
    pub values: Vec<String>,
}

impl Requirement {
    /// Whether labels meet the requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let listed = || value.is_some_and(|v| self.values.iter().any(|w| w == v));
        match self.operator {
            Operator::In => listed(),
            Operator::NotIn => !listed(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

impl fmt::Display for Requirement {
    /// As `kubectl -l` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.operator, &self.values[..]) {
            (Operator::In, [value]) => write!(f, "{}={value}", self.key),
            (Operator::NotIn, [value]) => write!(f, "{}!={value}", self.key),
            (Operator::In, values) => write!(f, "{} in ({})", self.key, values.join(",")),
            (Operator::NotIn, values) => write!(f, "{} notin ({})", self.key, values.join(",")),
            (Operator::Exists, _) => f.write_str(&self.key),
            (Operator::DoesNotExist, _) => write!(f, "!{}", self.key),
        }
    }
}

/// A label selector: every requirement must hold, so that an empty one selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// `matchLabels` (each an `In` with one value) and `matchExpressions`, sorted.
    pub requirements: Vec<Requirement>,
}

impl Selector {
    /// A selector of these requirements.
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_unstable();
        Self { requirements }
    }

    /// The selector that `matchLabels`, or a Service's selector, means.
    pub fn of_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let equals = |(key, value): (&str, &str)| Requirement {
            key: key.to_owned(),
            operator: Operator::In,
            values: vec![value.to_owned()],
        };
        Self::new(labels.into_iter().map(equals).collect())
    }

    /// Reads a selector as `kubectl -l` takes it: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by
    /// commas.
    ///
    /// # Errors
    /// What was read and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            // A comma within parentheses separates values, not requirements.
            let mut depth = 0_i32;
            let end = rest.find(|c: char| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                c == ',' && depth <= 0
            });
            let (item, tail) = end.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
            requirements.push(parse_requirement(item.trim())?);
            rest = match tail.map(str::trim) {
                Some("") => return Err("a requirement was expected after the last comma".to_owned()),
                tail => tail.unwrap_or_default(),
            };
        }
        Ok(Self::new(requirements))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether it selects what has these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.unmet(labels).is_none()
    }

    /// The first requirement that these labels do not meet.
    pub fn unmet(&self, labels: &Labels) -> Option<&Requirement> {
        self.requirements.iter().find(|r| !r.matches(labels))
    }

    /// A key and its values of which anything selected has one: the way into an index of labels.
    pub fn narrowest(&self) -> Option<(&str, &[String])> {
        self.requirements
            .iter()
            .filter(|r| r.operator == Operator::In)
            .min_by_key(|r| (r.values.len(), !crate::names::is_reserved(&r.key)))
            .map(|r| (r.key.as_str(), r.values.as_slice()))
    }
}

impl fmt::Display for Selector {
    /// As `kubectl -l` takes it; `(all)` where it selects everything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("(all)");
        }
        for (index, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn parse_requirement(text: &str) -> Result<Requirement, String> {
    let checked = |key: &str, operator: Operator, values: Vec<&str>| {
        crate::names::check_qualified_name(key)?;
        values.iter().try_for_each(|value| crate::names::check_label_value(value))?;
        let values = values.into_iter().map(str::to_owned).collect();
        Ok(Requirement { key: key.to_owned(), operator, values })
    };
    if let Some((head, list)) = text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let values: Vec<&str> = list.split(',').map(str::trim).collect();
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [key, "in"] => checked(key, Operator::In, values),
            [key, "notin"] => checked(key, Operator::NotIn, values),
            _ => Err(format!("`{}` is neither `key in (…)` nor `key notin (…)`", crate::names::printable(text))),
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return checked(key.trim(), Operator::NotIn, vec![value.trim()]);
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return checked(key.trim(), Operator::In, vec![value.trim()]);
    }
    if let [key, operator @ ("in" | "notin"), ..] = text.split_whitespace().collect::<Vec<_>>()[..] {
        let key = crate::names::printable(key);
        return Err(format!("`{operator}` needs values in parentheses: `{key} {operator} (a, b)`"));
    }
    match text.strip_prefix('!') {
        Some(key) => checked(key.trim(), Operator::DoesNotExist, vec![]),
        None => checked(text, Operator::Exists, vec![]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(key: &str, operator: Operator, values: &[&str]) -> Requirement {
        Requirement { key: key.into(), operator, values: values.iter().map(|v| (*v).to_owned()).collect() }
    }

    #[test]
    fn operators_with_the_label_there_elsewhere_and_absent() {
        let web: Labels = [("app", "web")].into_iter().collect();
        let db: Labels = [("app", "db")].into_iter().collect();
        let none = Labels::default();
        for (operator, values, expected) in [
            (Operator::In, &["web"][..], [true, false, false]),
            (Operator::NotIn, &["web"], [false, true, true]),
            (Operator::Exists, &[], [true, true, false]),
            (Operator::DoesNotExist, &[], [false, false, true]),
        ] {
            let r = requirement("app", operator, values);
            assert_eq!([r.matches(&web), r.matches(&db), r.matches(&none)], expected, "{r}");
        }
    }

    #[test]
    fn selectors_are_conjunctions_and_print_as_kubectl_reads_them() {
        let selector = Selector::new(vec![
            requirement("tier", Operator::In, &["a", "b"]),
            requirement("app", Operator::In, &["web"]),
            requirement("x", Operator::DoesNotExist, &[]),
        ]);
        assert_eq!(selector.to_string(), "app=web,tier in (a,b),!x");
        let labels: Labels = [("app", "web"), ("tier", "c")].into_iter().collect();
        assert_eq!(selector.unmet(&labels).unwrap().to_string(), "tier in (a,b)");
        assert!(Selector::default().matches(&labels));
        assert_eq!(Selector::default().to_string(), "(all)");
        assert_eq!(selector.narrowest(), Some(("app", &["web".to_owned()][..])));
    }

    #[test]
    fn what_kubectl_takes_is_read() {
        for text in ["app=web,tier in (a,b),!x", "app!=web,tier", "tier notin (a,b)", "(all)"] {
            match Selector::parse(text) {
                Ok(selector) => assert_eq!(selector.to_string(), text),
                Err(_) => assert_eq!(text, "(all)"),
            }
        }
        assert_eq!(Selector::parse("a == b").unwrap().to_string(), "a=b");
        assert!(Selector::parse("").unwrap().is_empty());
        for bad in ["a=b,", "a=-b", "a in b", "=b", "a b", "a within (b)"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_keep_one_value_a_key() {
        let mut labels: Labels = [("b", "1"), ("a", "2")].into_iter().collect();
        labels.insert("a", "3");
        labels.insert("c", "4");
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "1"), ("c", "4")]);
        labels.retain(|k| k != "a");
        assert_eq!((labels.get("a"), labels.get("c")), (None, Some("4")));
    }
}
