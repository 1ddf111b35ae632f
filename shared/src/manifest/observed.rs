//! A cluster in a file, as it was: its objects, and what could not be read of it.

use super::read::Context;
use super::text::Node;
use super::{ManifestError, Object, object};
use crate::names::printable;
use crate::unread::{Extent, Unread};

/// The kind of the object that holds a cluster, of the version `netintent.dev/v1alpha1`.
pub const SNAPSHOT: &str = "Snapshot";

/// Reads the objects of a cluster in a file, and gives what is not among them; `None` for anything else.
pub(super) fn of(
    context: &Context<'_>,
    node: &Node,
    objects: &mut Vec<Object>,
) -> Result<Option<Vec<Unread>>, ManifestError> {
    let is = |key: &str, value: &str| node.get(key).and_then(Node::as_str) == Some(value);
    if !is("kind", SNAPSHOT) || !is("apiVersion", "netintent.dev/v1alpha1") {
        return Ok(None);
    }
    context.only(node, "a Snapshot", &["apiVersion", "kind", "taken", "unread", "items"])?;
    for item in context.items(node, "items")? {
        object(context, item, None, objects)?;
    }
    let unread = context.items(node, "unread")?.iter().map(|item| unread(context, item)).collect::<Result<_, _>>()?;
    Ok(Some(unread))
}

fn unread(context: &Context<'_>, node: &Node) -> Result<Unread, ManifestError> {
    let text = |key: &str| Ok(context.optional_string(node, key)?.map(printable).unwrap_or_default());
    let extent = if context.present(node, "name").is_some() {
        Extent::One(text("namespace")?, text("name")?)
    } else {
        let read = context.items(node, "allBut")?.iter().map(|item| context.string(item, "allBut").map(printable));
        Extent::AllBut(read.collect::<Result<_, _>>()?)
    };
    let kind = printable(context.required_string(node, "kind")?);
    Ok(Unread { group: text("group")?, kind: kind.into(), extent, why: text("why")? })
}

#[cfg(test)]
mod tests {
    use crate::manifest::decode;
    use crate::manifest::text::{documents, parse};

    fn decoded(text: &str) -> Result<crate::manifest::Decoded, String> {
        let documents = documents(text.as_bytes()).map_err(|error| error.message)?;
        let node = parse(&documents[0]).map_err(|error| error.message)?.ok_or("nothing")?;
        decode(&node, 0, "default").map_err(|error| error.message)
    }

    #[test]
    fn a_cluster_in_a_file_is_its_objects_and_what_could_not_be_read() {
        let head = "apiVersion: netintent.dev/v1alpha1\nkind: Snapshot\n";
        let text = format!(
            "{head}taken: 2027-01-01T00:00:00Z\nunread:\n- {{kind: Pod, allBut: [bank], why: forbidden}}\n- {{group: g, kind: K, namespace: shop, name: a}}\nitems:\n- {{apiVersion: v1, kind: Namespace, metadata: {{name: bank}}}}\n"
        );
        let found = decoded(&text).unwrap();
        assert_eq!(found.objects.len(), 1);
        let unread: Vec<String> = found.observed.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(unread, ["Pods outside of bank", "K shop/a"]);
        assert_eq!(decoded(&format!("{head}items: []\n")).unwrap().observed, Some(Vec::new()));
        assert!(decoded(&format!("{head}iitems: []\n")).unwrap_err().contains("no field `iitems`"));
        assert_eq!(decoded("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n").unwrap().observed, None);
    }
}
