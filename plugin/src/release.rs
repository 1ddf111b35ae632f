//! The manifests of netintent of this very version, as they are asked for.

use std::fmt;

use netintent::manifest::text;
use netintent::names;
use serde_json::Value;

/// The namespace of the manifests as they are.
pub(crate) const NAMESPACE: &str = "netintent-system";
/// What names the namespace of netintent's ServiceAccount, wherever that is.
pub(crate) const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/netintent";
/// The label of what is netintent's.
pub(crate) const NAME: &str = "app.kubernetes.io/name";

/// What `kubectl kustomize` makes of the base, and of the overlay for cert-manager; a test keeps both so.
const OWN: &str = include_str!("../../manifests/install/netintent.yaml");
const CERT_MANAGER: &str = include_str!("../../manifests/install/netintent-cert-manager.yaml");

/// The lines that options replace.
const REPLICAS: &str = "\n  replicas: 2\n";
const IMAGE: &str = concat!("\n        image: ghcr.io/netintent/netintent-webhook:v", env!("CARGO_PKG_VERSION"), "\n");

/// What may differ from one installation to another.
#[derive(Clone, Debug)]
pub(crate) struct Release<'a> {
    /// The namespace of netintent itself, a DNS label.
    pub(crate) namespace: &'a str,
    /// How many replicas of the webhook there are, if not as many as by default.
    pub(crate) replicas: Option<u32>,
    /// The image of the webhook, if not the one of the project.
    pub(crate) image: Option<&'a str>,
    /// Whether cert-manager issues the certificate.
    pub(crate) cert_manager: bool,
}

impl Release<'_> {
    /// The manifests, as one stream of YAML. What others need comes before them, the registrations last.
    pub(crate) fn text(&self) -> String {
        let mut text = in_namespace(if self.cert_manager { CERT_MANAGER } else { OWN }, self.namespace);
        if let Some(replicas) = self.replicas {
            text = text.replace(REPLICAS, &format!("\n  replicas: {replicas}\n"));
        }
        if let Some(image) = self.image {
            // What looks like a number or a word of YAML's is a string all the same.
            text = text.replace(IMAGE, &format!("\n        image: \"{image}\"\n"));
        }
        text
    }
}

/// What somebody has chosen of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen<'d> {
    /// The number of replicas, where it is not that by default.
    pub(crate) replicas: Option<u64>,
    /// The image, where it is none of the project.
    pub(crate) image: Option<&'d str>,
}

/// What was chosen, by the Deployment.
pub(crate) fn chosen(deployment: &Value) -> Chosen<'_> {
    let default = |line: &'static str| line.trim().split_once(": ").map_or("", |(_, value)| value);
    let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_u64);
    let repository = default(IMAGE).rsplit_once(':').map_or("", |(repository, _)| repository);
    let image = deployment.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    Chosen {
        replicas: replicas.filter(|number| (1..=100).contains(number) && default(REPLICAS).parse() != Ok(*number)),
        image: image.filter(|image| image.rsplit_once(':').is_none_or(|(of, _)| of != repository)),
    }
}

/// The command that applies the manifests of this version as an installation was chosen.
pub(crate) fn command(deployment: &Value, namespace: &str, cert_manager: bool) -> String {
    let Chosen { replicas, image } = chosen(deployment);
    let options = [
        (namespace != NAMESPACE).then(|| format!(" -n {namespace}")),
        replicas.map(|replicas| format!(" --replicas {replicas}")),
        image.map(|image| format!(" --image {}", names::printable(image))),
        cert_manager.then(|| " --cert-manager".to_owned()),
    ];
    let options: String = options.into_iter().flatten().collect();
    format!("kubectl netintent install --apply{options}")
}

/// The same with another namespace, wherever it stands: nothing else is called so.
fn in_namespace(text: &str, namespace: &str) -> String {
    if namespace == NAMESPACE {
        return text.to_owned();
    }
    let mut changed = String::with_capacity(text.len());
    for line in text.lines() {
        // As a value of its own it may be a number or a word of YAML's.
        match line.strip_suffix(NAMESPACE) {
            Some(head) if head.ends_with(": ") || head.ends_with("- ") => {
                changed.push_str(head);
                changed.push_str(&names::yaml(namespace));
            }
            _ => changed.push_str(&line.replace(NAMESPACE, namespace)),
        }
        changed.push('\n');
    }
    changed
}

/// The namespace that netintent is in, by the object at [`BINDING`]; `None` where that is none of netintent's.
pub(crate) fn namespace_of(binding: &Value) -> Option<&str> {
    let is_marked = binding["metadata"]["labels"][NAME] == names::NETINTENT;
    let namespace = binding.pointer("/subjects/0/namespace").and_then(Value::as_str);
    namespace.filter(|name| is_marked && names::is_dns_label(name))
}

/// The manifests of such a stream, in its order.
pub(crate) fn manifests(text: &str) -> Vec<Manifest<'_>> {
    text.split("\n---\n").filter_map(Manifest::read).collect()
}

/// One manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest<'t> {
    /// Its YAML.
    pub(crate) text: &'t str,
    /// Group and version.
    pub(crate) api_version: String,
    /// The kind.
    pub(crate) kind: String,
    /// The namespace; empty for what is in none.
    pub(crate) namespace: String,
    /// The name.
    pub(crate) name: String,
    /// Whether it says by a label that it is netintent's; what does not is netintent's by its name.
    pub(crate) labelled: bool,
}

impl<'t> Manifest<'t> {
    /// Reads a manifest; `None` where there is nothing.
    fn read(text: &'t str) -> Option<Self> {
        let documents = text::documents(text.as_bytes()).ok()?;
        let node = text::parse(documents.first()?).ok()??;
        let of = |path: &[&str]| {
            let found = path.iter().try_fold(&node, |node, key| node.get(key));
            found.and_then(text::Node::as_str).unwrap_or_default().to_owned()
        };
        Some(Self {
            text,
            api_version: of(&["apiVersion"]),
            kind: of(&["kind"]),
            namespace: of(&["metadata", "namespace"]),
            name: of(&["metadata", "name"]),
            labelled: of(&["metadata", "labels", NAME]) == names::NETINTENT,
        })
    }

    /// Where the API server has it.
    pub(crate) fn path(&self) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let kind = self.kind.to_ascii_lowercase();
        let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
        let within = if self.namespace.is_empty() { String::new() } else { format!("namespaces/{}/", self.namespace) };
        format!("/{root}/{}/{within}{plural}/{}", self.api_version, self.name)
    }

    /// Whether it sends requests of the API server's to the webhook.
    pub(crate) fn is_registration(&self) -> bool {
        self.kind.ends_with("WebhookConfiguration")
    }
}

impl fmt::Display for Manifest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{} {}{slash}{}", self.kind, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Release<'static> =
        Release { namespace: NAMESPACE, replicas: None, image: None, cert_manager: false };

    /// The lines of `release` that differ from those of the default, without indentation.
    fn changed(release: &Release<'_>) -> Vec<String> {
        let plain = Release { cert_manager: release.cert_manager, ..DEFAULT }.text();
        let text = release.text();
        assert_eq!(plain.lines().count(), text.lines().count());
        let both = plain.lines().zip(text.lines());
        both.filter(|(a, b)| a != b).map(|(_, b)| b.trim().to_owned()).collect()
    }

    #[test]
    fn options_change_what_they_say_and_nothing_else() {
        for cert_manager in [false, true] {
            let release = Release { cert_manager, ..DEFAULT };
            assert_eq!(changed(&Release { replicas: Some(3), ..release.clone() }), ["replicas: 3"]);
            let image = Release { image: Some("a.example/b:1"), ..release.clone() };
            assert_eq!(changed(&image), ["image: \"a.example/b:1\""]);
            assert_eq!(changed(&release), [] as [&str; 0]);
        }
    }

    #[test]
    fn the_namespace_stands_wherever_it_is_named() {
        let text = Release { namespace: "elsewhere", cert_manager: true, ..DEFAULT }.text();
        assert!(!text.contains(NAMESPACE));
        for line in [
            "name: elsewhere",
            "namespace: elsewhere",
            // The policy that refuses its own namespace a mode, and the registrations that leave it out.
            "- expression: object.metadata.name != 'elsewhere'",
            "- elsewhere",
            "request.userInfo.username == 'system:serviceaccount:elsewhere:netintent'",
            "- netintent.elsewhere.svc",
            "cert-manager.io/inject-ca-from: elsewhere/netintent",
            "namespace: elsewhere",
        ] {
            assert!(text.lines().any(|other| other.trim() == line), "{line}");
        }
        let subjects = text.matches("- kind: ServiceAccount\n  name: netintent\n  namespace: elsewhere\n").count();
        let bindings = manifests(&text).iter().filter(|manifest| manifest.kind.ends_with("RoleBinding")).count();
        assert_eq!(subjects, bindings);
    }

    /// `123` and `null` are good names of namespaces.
    #[test]
    fn a_namespace_is_a_string_whatever_it_looks_like() {
        for namespace in ["123", "null", "true", "1e3", "0x1f", "on", "y", "n", "2026-01-01"] {
            let text = Release { namespace, cert_manager: true, ..DEFAULT }.text();
            let plain = Release { cert_manager: true, ..DEFAULT }.text();
            let expected: Vec<(String, String)> =
                manifests(&plain).iter().map(|m| (m.kind.clone(), m.namespace.replace(NAMESPACE, namespace))).collect();
            let read: Vec<(String, String)> =
                manifests(&text).iter().map(|m| (m.kind.clone(), m.namespace.clone())).collect();
            assert_eq!(read, expected, "{namespace}");
            assert_eq!(manifests(&text)[0].name, namespace);
        }
    }

    #[test]
    fn what_others_need_comes_first_and_the_registrations_last() {
        for cert_manager in [false, true] {
            let text = Release { cert_manager, ..DEFAULT }.text();
            let all = manifests(&text);
            assert_eq!(all.len(), text.matches("\nkind: ").count(), "each document is read");
            let at = |kind: &str| all.iter().position(|manifest| manifest.kind == kind).unwrap_or(usize::MAX);
            assert_eq!(at("Namespace"), 0);
            assert!(at("CustomResourceDefinition") < at("ServiceAccount") && at("ServiceAccount") < at("Deployment"));
            let first = all.iter().position(Manifest::is_registration).unwrap_or(usize::MAX);
            let later: Vec<&str> =
                all.iter().skip(first).filter(|m| !m.is_registration()).map(|m| m.kind.as_str()).collect();
            assert!(later.iter().all(|kind| ["Certificate", "Issuer"].contains(kind)), "{later:?}");
            for manifest in &all {
                assert!(manifest.labelled || manifest.kind == "CustomResourceDefinition", "{manifest}");
            }
        }
    }

    #[test]
    fn the_command_keeps_what_was_chosen() {
        let deployment = |replicas: u32, image: &str| serde_json::json!({"spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": image}]}}}});
        let default = "kubectl netintent install --apply";
        assert_eq!(command(&Value::Null, NAMESPACE, false), default);
        let scaled_down = serde_json::json!({"spec": {"replicas": 0}});
        assert_eq!(command(&scaled_down, NAMESPACE, false), default, "none is no choice");
        let project = "ghcr.io/netintent/netintent-webhook";
        assert_eq!(
            command(&deployment(2, &format!("{project}:v0.0.1")), NAMESPACE, false),
            default,
            "a version before it"
        );
        assert_eq!(
            command(&deployment(3, "registry.example:5000/netintent-webhook:v1"), "own", true),
            format!("{default} -n own --replicas 3 --image registry.example:5000/netintent-webhook:v1 --cert-manager")
        );
    }

    #[test]
    fn the_binding_of_a_release_names_its_namespace() {
        let text = Release { namespace: "elsewhere", ..DEFAULT }.text();
        let binding =
            manifests(&text).into_iter().find(|manifest| manifest.path() == BINDING).map(|m| m.text.to_owned());
        let binding = binding.unwrap_or_default();
        let documents = text::documents(binding.as_bytes()).unwrap_or_default();
        let node = documents.first().and_then(|document| text::parse(document).ok().flatten());
        let binding = serde_json::to_value(&node).unwrap_or_default();
        assert_eq!(namespace_of(&binding), Some("elsewhere"));
        for (pointer, value) in
            [("/metadata/labels/app.kubernetes.io~1name", "other"), ("/subjects/0/namespace", "a/b")]
        {
            let mut other = binding.clone();
            if let Some(field) = other.pointer_mut(pointer) {
                *field = value.into();
            }
            assert_eq!(namespace_of(&other), None, "{pointer}");
        }
        assert_eq!(namespace_of(&Value::Null), None);
    }

    #[test]
    fn paths_are_those_of_the_api_server() {
        let text = Release { cert_manager: true, ..DEFAULT }.text();
        let paths: Vec<String> = manifests(&text).iter().map(Manifest::path).collect();
        for path in [
            "/api/v1/namespaces/netintent-system",
            "/api/v1/namespaces/netintent-system/resourcequotas/netintent",
            "/apis/networking.k8s.io/v1/namespaces/netintent-system/networkpolicies/netintent",
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/netintent-keys",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/approvals.netintent.dev",
            "/apis/cert-manager.io/v1/namespaces/netintent-system/issuers/netintent",
        ] {
            assert!(paths.iter().any(|other| other == path), "{path}");
        }
    }
}
