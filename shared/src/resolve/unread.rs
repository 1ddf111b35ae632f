//! Whether a name that stands for nothing may be that of something that could not be read.

use super::{Home, kind};
use crate::snapshot::Snapshot;
use crate::unread::{CALLERS, Gaps};

/// Whether what `text`, without port, names may be among what could not be read. Where it may not, nothing has the name.
pub fn may_be_unread(snapshot: &Snapshot, text: &str, home: Home<'_>) -> bool {
    let gaps = Gaps::of(snapshot);
    let is_known = |name: &str| snapshot.namespaces.contains_key(name);
    let parts: Vec<&str> = text.split('/').collect();
    let namespace = match parts[..] {
        [first, _] if !is_known(first) && kind(snapshot, first).is_some() => None,
        [first, _, ..] => Some(first),
        _ => None,
    };
    let hides = |kinds: &[&str], namespace: Option<&str>| match namespace {
        Some(namespace) => gaps.in_namespace(kinds, namespace),
        None => gaps.any(kinds),
    };
    let at = namespace.or(home.only.then_some(home.namespace));
    let there_may_be_one = namespace.is_some_and(|name| !is_known(name) && gaps.in_namespace(&["Namespace"], name));
    there_may_be_one || hides(&CALLERS, at) || hides(&["Service"], at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Options;
    use crate::testing::{NOW, deployment, objects};
    use crate::unread::{Extent, Unread};

    fn ask(kinds: &[&'static str], why: &str, only: bool) -> Vec<&'static str> {
        let mut objects = objects(&deployment("shop", "web", ""));
        let gap = |kind: &&'static str| Unread {
            group: String::new(),
            kind: (*kind).into(),
            extent: Extent::AllBut(["shop".to_owned()].into()),
            why: why.to_owned(),
        };
        objects.unread = kinds.iter().map(gap).collect();
        let snapshot = Snapshot::new(objects, &Options { observed: true, ..Options::at(NOW.parse().unwrap()) });
        let all = ["wbe", "deploy/wbe", "shop/wbe", "shop/deploy/wbe", "shopp/web", "bank/web", "bank/deploy/web"];
        let home = Home { namespace: "shop", only };
        all.into_iter().filter(|text| may_be_unread(&snapshot, text, home)).collect()
    }

    #[test]
    fn what_is_named_may_be_where_nobody_could_read() {
        let elsewhere = ["shopp/web", "bank/web", "bank/deploy/web"];
        for kind in ["Pod", "Deployment", "Service", "Namespace"] {
            assert_eq!(ask(&[kind], "forbidden", true), elsewhere, "{kind}");
        }
        assert_eq!(ask(&["Pod"], "forbidden", false), [&["wbe", "deploy/wbe"][..], &elsewhere].concat());
        // What bears no name that can be asked for hides none, nor do the kinds that are not there.
        assert_eq!(ask(&["NetworkPolicy", "Approval", "ClusterApproval"], "forbidden", true), [""; 0]);
        assert_eq!(ask(&["Approval", "ClusterApproval"], Unread::NOT_INSTALLED, true), [""; 0]);
        assert_eq!(ask(&[], "", false), [""; 0]);
    }
}
