//! Pod templates as YAML, with their intents.

use std::fmt::Write;

use super::cluster::{Caller, Cluster, Edge, Service};
use super::random::Random;
use super::roles::{Kind, Port, Target};

const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"];

/// A pod template, not indented.
pub(super) fn template(
    cluster: &Cluster,
    caller: &Caller,
    service: Option<&Service>,
    override_name: Option<&str>,
    account: bool,
    random: &mut Random,
) -> String {
    let mut text = String::with_capacity(2048);
    template_metadata(&mut text, cluster, caller, service, override_name);
    pod_spec(&mut text, cluster.namespace(caller.namespace), caller, service, account, random);
    text
}

fn template_metadata(
    text: &mut String,
    cluster: &Cluster,
    caller: &Caller,
    service: Option<&Service>,
    override_name: Option<&str>,
) {
    let namespace = cluster.namespace(caller.namespace);
    let app = service.map_or(&caller.name, |service| &service.name);
    let component = service.map_or("job", |service| service.role.word);
    put(
        text,
        format_args!(
            "\
metadata:
  labels:
    app.kubernetes.io/name: {app}
    app.kubernetes.io/component: {component}
    app.kubernetes.io/part-of: {namespace}
"
        ),
    );
    let calls = !caller.edges.is_empty() || !caller.wildcards.is_empty();
    let metrics = service.and_then(|service| service.ports.iter().find(|port| port.name == Some("metrics")));
    if calls || metrics.is_some() || override_name.is_some() {
        text.push_str("  annotations:\n");
    }
    if let Some(port) = metrics {
        put(text, format_args!("    prometheus.io/scrape: \"true\"\n    prometheus.io/port: \"{}\"\n", port.container));
    }
    if let Some(name) = override_name {
        put(text, format_args!("    netintent.dev/caller: {name}\n"));
    }
    if calls {
        text.push_str("    netintent.dev/calls: |\n");
    }
    for wildcard in &caller.wildcards {
        put(text, format_args!("      {wildcard}  # by the platform team\n"));
    }
    for edge in &caller.edges {
        put(text, format_args!("      {}\n", intent(cluster, caller, edge)));
    }
}

fn intent(cluster: &Cluster, caller: &Caller, edge: &Edge) -> String {
    let callee = &cluster.services[edge.callee];
    let mut text = String::new();
    if callee.namespace != caller.namespace {
        put(&mut text, format_args!("{}/", cluster.namespace(callee.namespace)));
    }
    text.push_str(&callee.name);
    if let Some(port) = edge.port {
        put(&mut text, format_args!(":{}", callee.ports[port].text()));
    }
    text
}

fn pod_spec(
    text: &mut String,
    namespace: &str,
    caller: &Caller,
    service: Option<&Service>,
    account: bool,
    random: &mut Random,
) {
    text.push_str("spec:\n");
    if account {
        put(text, format_args!("  serviceAccountName: {}\n", caller.name));
    }
    if matches!(caller.kind, Kind::CronJob | Kind::Job) {
        text.push_str("  restartPolicy: Never\n");
    }
    text.push_str("  securityContext:\n    runAsNonRoot: true\n    runAsUser: 10001\n  containers:\n");
    let app = service.map_or(&caller.name, |service| &service.name);
    let (major, minor, patch) = (1 + random.below(5), random.below(40), random.below(10));
    put(
        text,
        format_args!(
            "    - name: main
      image: registry.example.com/{namespace}/{app}:{major}.{minor}.{patch}
      imagePullPolicy: IfNotPresent
      env:
        - name: SERVICE_NAME
          value: {app}
        - name: LOG_LEVEL
          value: {level}
        - name: REGION
          value: {region}
        - name: OTEL_EXPORTER_OTLP_ENDPOINT
          value: http://otel-collector.monitoring:4317
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
",
            level = random.pick(&["info", "warn", "debug"]),
            region = random.pick(&REGIONS),
        ),
    );
    let (cpu, memory) = (50 * (1 + random.below(10)), 64 << random.below(5));
    put(
        text,
        format_args!(
            "      resources:
        requests:
          cpu: {cpu}m
          memory: {memory}Mi
        limits:
          memory: {}Mi
",
            2 * memory
        ),
    );
    let Some(service) = service else { return };
    text.push_str("      ports:\n");
    for port in &service.ports {
        match container_name(port) {
            Some(name) => {
                put(text, format_args!("        - name: {name}\n          containerPort: {}\n", port.container));
            }
            None => put(text, format_args!("        - containerPort: {}\n", port.container)),
        }
        if port.protocol != "TCP" {
            put(text, format_args!("          protocol: {}\n", port.protocol));
        }
    }
    if let Some(port) = service.ports.first().filter(|port| port.protocol == "TCP") {
        probes(text, port);
    }
    if caller.kind == Kind::StatefulSet {
        text.push_str("      volumeMounts:\n        - name: data\n          mountPath: /var/lib/data\n");
    }
}

fn container_name(port: &Port) -> Option<&str> {
    match &port.target {
        Target::Named(name) => Some(name),
        Target::Same | Target::Number => None,
    }
}

fn probes(text: &mut String, port: &Port) {
    let target = container_name(port).map_or_else(|| port.container.to_string(), str::to_owned);
    let (ready, live) = if matches!(port.container, 8080 | 3000) {
        (format!("httpGet:\n          path: /ready\n          port: {target}"), "/live")
    } else {
        (format!("tcpSocket:\n          port: {target}"), "")
    };
    put(text, format_args!("      readinessProbe:\n        {ready}\n        periodSeconds: 10\n"));
    if !live.is_empty() {
        let probe = format_args!(
            "      livenessProbe:\n        httpGet:\n          path: {live}\n          port: {target}\n        \
             initialDelaySeconds: 15\n"
        );
        put(text, probe);
    }
}

/// Appends formatted text. Writing to a String cannot fail.
pub(super) fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}
