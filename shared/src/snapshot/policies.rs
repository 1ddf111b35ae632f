//! The policies that hold: those of the input, and those that the controller would write.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::{Snapshot, observed, warnings};
use crate::compile::compile;
use crate::mode::Mode;
use crate::policy::NetworkPolicy;

/// A NetworkPolicy that holds.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The policy.
    pub policy: NetworkPolicy,
    /// Whether the controller would write it; otherwise it stands in the input.
    pub generated: bool,
    /// The pods it selects, in ascending order.
    pub pods: Vec<u32>,
}

impl Snapshot {
    pub(super) fn add_policies(&mut self) {
        let modes: BTreeMap<String, Mode> = self.namespaces.iter().map(|(n, s)| (n.clone(), s.mode)).collect();
        let objects = &self.objects;
        let mut compiled =
            compile(&objects.services, &modes, &objects.approvals, &objects.prohibitions, self.options.now);
        if let Some(expected) = &self.expected {
            let held = observed::held(objects, std::mem::take(&mut compiled.policies), expected);
            self.missing = held.missing;
            self.replaced = held.replaced;
            self.set_policies(held.policies);
            self.findings.extend(warnings::of_policies(&self.objects, &compiled.omissions));
            self.omissions = compiled.omissions;
            return;
        }
        let name = |p: &NetworkPolicy| (p.metadata.namespace.clone(), p.metadata.name.clone());
        let written: FxHashSet<_> = objects.policies.iter().map(name).collect();
        // A policy in the input holds as it stands there, ours included.
        let (replaced, generated): (Vec<_>, Vec<_>) =
            compiled.policies.into_iter().partition(|policy| written.contains(&name(policy)));
        let generated = generated.into_iter().map(|p| (p, true));
        let all = objects.policies.iter().cloned().map(|p| (p, false)).chain(generated).collect();
        self.set_policies(all);
        self.replaced = replaced;
        self.findings.extend(warnings::of_policies(&self.objects, &compiled.omissions));
        self.omissions = compiled.omissions;
    }

    /// Takes the policies that hold, each with whether the controller would write it.
    fn set_policies(&mut self, mut all: Vec<(NetworkPolicy, bool)>) {
        all.sort_by(|(a, _), (b, _)| a.metadata.key().cmp(&b.metadata.key()));
        self.policies = all
            .into_iter()
            .map(|(policy, generated)| {
                let pods = self.select(Some(&policy.metadata.namespace), &policy.pods);
                Policy { policy, generated, pods }
            })
            .collect();
    }
}
