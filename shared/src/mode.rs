//! How a namespace, or a Service, takes part.

use std::fmt;

mod beside;
mod change;
mod stop;

pub use change::{Counts, Origin, Subject, cuts_declared, opens_declared, settled, warnings};
pub use stop::{Reason, Stop, stops};

/// The value of the label `netintent.dev/mode`; ordered by strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Takes no part: pods get no labels, Services no policy.
    #[default]
    Off,
    /// Pods get their labels, refusals warn, Services have no policy yet.
    Shadow,
    /// Refusals reject, Services have their policy.
    Enforce,
}

impl Mode {
    /// The mode that a label's value names; `None` where it names none.
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "off" => Some(Self::Off),
            "shadow" => Some(Self::Shadow),
            "enforce" => Some(Self::Enforce),
            _ => None,
        }
    }

    /// Whether pods of a namespace in this mode carry derived labels.
    pub fn is_managed(self) -> bool {
        self != Self::Off
    }

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A mode given on the command line in place of a Namespace's label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeOverride {
    /// The namespace; `None` for every one (`*`).
    pub namespace: Option<String>,
    /// Its mode.
    pub mode: Mode,
}

impl std::str::FromStr for ModeOverride {
    type Err = String;

    /// Reads `NAMESPACE=MODE` or `*=MODE`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, mode) =
            text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form NAMESPACE=MODE"))?;
        let mode = Mode::parse(mode).ok_or_else(|| format!("`{mode}` is no mode: off, shadow or enforce"))?;
        if namespace == "*" {
            return Ok(Self { namespace: None, mode });
        }
        if !crate::names::is_dns_label(namespace) {
            return Err(format!("`{namespace}` is no name of a namespace"));
        }
        Ok(Self { namespace: Some(namespace.to_owned()), mode })
    }
}

/// The mode that overrides give to `namespace`: a name beats `*`, and of two for the same the later holds.
pub fn overridden(overrides: &[ModeOverride], namespace: &str) -> Option<Mode> {
    let of = |wanted: Option<&str>| overrides.iter().rev().find(|o| o.namespace.as_deref() == wanted).map(|o| o.mode);
    of(Some(namespace)).or_else(|| of(None))
}

#[cfg(test)]
mod tests;
