//! Which connections to list.

/// Which connections to list. Both ends must be selected.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// For each workload, whether it is wanted as source; `None`: all, and the outside.
    pub from: Option<Vec<bool>>,
    /// The same for the destination.
    pub to: Option<Vec<bool>>,
    /// For each workload, whether a connection with it at either end is wanted; `None`: all.
    pub either: Option<Vec<bool>>,
    /// Only what is declared, with what of it is cut.
    pub declared: bool,
    /// Connections of workloads to themselves too.
    pub own: bool,
}

impl Filter {
    /// Whether a connection between these workloads is wanted; `None` is the outside.
    pub fn wants(&self, source: Option<usize>, destination: Option<usize>) -> bool {
        let in_set =
            |set: &Option<Vec<bool>>, at: Option<usize>| set.as_ref().is_none_or(|s| at.is_some_and(|at| s[at]));
        let either = self.either.as_ref().is_none_or(|s| [source, destination].into_iter().flatten().any(|at| s[at]));
        in_set(&self.from, source) && in_set(&self.to, destination) && either
    }
}
