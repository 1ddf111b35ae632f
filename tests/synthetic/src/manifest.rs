//! Namespaces, Services and workloads as YAML, as teams write them.

use super::cluster::{Caller, Cluster, Service};
use super::pod::{put, template};
use super::random::Random;
use super::roles::{Kind, Target};
use super::{Document, Mode};

const CHARTS: [&str; 4] = ["Helm", "Helm", "kustomize", "argocd"];

/// An ingress controller in a namespace that takes no part.
pub(super) fn ingress_controller() -> Vec<Document> {
    let texts = [
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ingress-nginx\n  labels:\n    \
         app.kubernetes.io/part-of: platform\n",
        "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ingress-nginx-controller
  namespace: ingress-nginx
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: ingress-nginx
  template:
    metadata:
      labels:
        app.kubernetes.io/name: ingress-nginx
    spec:
      containers:
        - name: controller
          image: registry.k8s.io/ingress-nginx/controller:v1.12.1
          args: [/nginx-ingress-controller]
          ports:
            - {name: http, containerPort: 80}
            - {name: https, containerPort: 443}
",
    ];
    texts.into_iter().map(|text| Document { namespace: None, text: text.to_owned() }).collect()
}

/// Every namespace with its Services and workloads.
pub(super) fn of_namespaces(cluster: &Cluster, mode: Mode) -> Vec<Document> {
    let mut documents = vec![];
    for (number, name) in cluster.namespaces.iter().enumerate() {
        let mode = mode.label();
        let text = format!(
            "\
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels:
    netintent.dev/mode: \"{mode}\"
    environment: production
    app.kubernetes.io/part-of: {name}
    pod-security.kubernetes.io/enforce: baseline
"
        );
        documents.push(Document { namespace: Some(number), text });
    }
    for (number, caller) in cluster.callers.iter().enumerate() {
        let mut random = Random::new(cluster.seed, "workload", number);
        let mut add = |text| {
            documents.push(Document { namespace: Some(caller.namespace), text });
        };
        let service = cluster.services.get(number);
        if let Some(service) = service {
            add(service_text(cluster, service));
        }
        let account = random.once_in(3);
        if account {
            add(service_account(cluster.namespace(caller.namespace), &caller.name));
        }
        add(workload(cluster, caller, service, account, &mut random));
    }
    documents
}

fn service_text(cluster: &Cluster, service: &Service) -> String {
    let (name, namespace, word) = (&service.name, cluster.namespace(service.namespace), service.role.word);
    let mut text = format!(
        "\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/component: {word}
"
    );
    if let Some(label) = service.role.type_label {
        put(&mut text, format_args!("    netintent.dev/type: {label}\n"));
    }
    put(
        &mut text,
        format_args!("  annotations:\n    a8r.io/owner: team-{namespace}\n    a8r.io/chat: \"#{namespace}\"\n"),
    );
    text.push_str(if service.headless { "spec:\n  clusterIP: None\n" } else { "spec:\n  type: ClusterIP\n" });
    put(&mut text, format_args!("  selector:\n    app.kubernetes.io/name: {name}\n  ports:\n"));
    for port in &service.ports {
        let number = port.number;
        match port.name {
            Some(name) => put(&mut text, format_args!("    - name: {name}\n      port: {number}\n")),
            None => put(&mut text, format_args!("    - port: {number}\n")),
        }
        match &port.target {
            Target::Same => {}
            Target::Number => put(&mut text, format_args!("      targetPort: {}\n", port.container)),
            Target::Named(name) => put(&mut text, format_args!("      targetPort: {name}\n")),
        }
        if port.protocol != "TCP" || number == 80 {
            put(&mut text, format_args!("      protocol: {}\n", port.protocol));
        }
    }
    text
}

fn service_account(namespace: &str, name: &str) -> String {
    format!("apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {namespace}\n")
}

fn workload(
    cluster: &Cluster,
    caller: &Caller,
    service: Option<&Service>,
    account: bool,
    random: &mut Random,
) -> String {
    let namespace = cluster.namespace(caller.namespace);
    let app = service.map_or(&caller.name, |service| &service.name);
    // Some run under another name than the one they call by.
    let canary = service.is_some() && random.once_in(40);
    let name = if canary { format!("{}-v2", caller.name) } else { caller.name.clone() };
    let group = if matches!(caller.kind, Kind::CronJob | Kind::Job) { "batch" } else { "apps" };
    let mut text = format!(
        "\
apiVersion: {group}/v1
kind: {kind:?}
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {app}
    app.kubernetes.io/part-of: {namespace}
    app.kubernetes.io/managed-by: {manager}
spec:
",
        kind = caller.kind,
        manager = random.pick(&CHARTS),
    );
    let selector = format!("  selector:\n    matchLabels:\n      app.kubernetes.io/name: {app}\n");
    match caller.kind {
        Kind::Deployment => {
            put(&mut text, format_args!("  replicas: {}\n  revisionHistoryLimit: 3\n{selector}", 1 + random.below(4)));
        }
        Kind::StatefulSet => put(&mut text, format_args!("  serviceName: {app}\n  replicas: 3\n{selector}")),
        Kind::DaemonSet => text.push_str(&selector),
        Kind::Job => text.push_str("  backoffLimit: 3\n"),
        Kind::CronJob => {
            let (minute, hour) = (random.below(60), random.below(24));
            let schedule = format!("  schedule: \"{minute} {hour} * * *\"\n  concurrencyPolicy: Forbid\n");
            text.push_str(&schedule);
            text.push_str("  jobTemplate:\n    spec:\n      backoffLimit: 2\n");
        }
    }
    let indent = if caller.kind == Kind::CronJob { 6 } else { 2 };
    put(&mut text, format_args!("{:indent$}template:\n", ""));
    let override_name = canary.then_some(caller.name.as_str());
    let template = template(cluster, caller, service, override_name, account, random);
    for line in template.lines() {
        put(&mut text, format_args!("{:1$}{line}\n", "", indent + 2));
    }
    if caller.kind == Kind::StatefulSet {
        text.push_str(VOLUME_CLAIM);
    }
    text
}

const VOLUME_CLAIM: &str = "  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        resources:
          requests:
            storage: 20Gi
";
