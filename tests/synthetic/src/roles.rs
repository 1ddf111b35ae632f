//! What a Service is for, and its ports.

use super::random::Random;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    CronJob,
    Job,
}

/// What a Service is for: the last word of its name, and what follows from it.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) word: &'static str,
    pub(super) kind: Kind,
    pub(super) type_label: Option<&'static str>,
    protocol: &'static str,
    port: &'static str,
    number: u16,
    container: u16,
}

const fn role(
    (word, kind, type_label): (&'static str, Kind, Option<&'static str>),
    (port, number, container): (&'static str, u16, u16),
) -> Role {
    Role { word, kind, type_label, protocol: "TCP", port, number, container }
}

/// Every role, in the order in which a namespace takes them.
pub(super) static ROLES: [Role; 12] = [
    role(("api", Kind::Deployment, Some("backend")), ("http", 80, 8080)),
    role(("service", Kind::Deployment, Some("backend")), ("grpc", 9000, 9000)),
    role(("web", Kind::Deployment, Some("frontend")), ("http", 80, 3000)),
    role(("backend", Kind::Deployment, Some("backend")), ("http", 8080, 8080)),
    role(("db", Kind::StatefulSet, Some("database")), ("postgres", 5432, 5432)),
    role(("worker", Kind::Deployment, None), ("http", 8080, 8080)),
    role(("rpc", Kind::Deployment, Some("backend")), ("rpc", 7000, 7000)),
    role(("cache", Kind::StatefulSet, Some("cache")), ("redis", 6379, 6379)),
    role(("events", Kind::Deployment, None), ("https", 8443, 8443)),
    role(("agent", Kind::DaemonSet, None), ("http", 8126, 8126)),
    role(("queue", Kind::StatefulSet, None), ("amqp", 5672, 5672)),
    Role { protocol: "UDP", ..role(("stats", Kind::Deployment, None), ("statsd", 8125, 8125)) },
];

/// How a Service's port finds the container's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Same,
    Number,
    Named(String),
}

/// A port of a Service and of the container behind it.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) name: Option<&'static str>,
    pub(super) number: u16,
    pub(super) container: u16,
    pub(super) protocol: &'static str,
    pub(super) target: Target,
}

impl Port {
    /// What an intent calls it: its name, else its number.
    pub(super) fn text(&self) -> String {
        self.name.map_or_else(|| self.number.to_string(), str::to_owned)
    }
}

/// The ports of one Service of this role: one in six has several, a few have no name.
pub(super) fn ports(role: &Role, random: &mut Random) -> Vec<Port> {
    let several = random.once_in(6);
    let target = match random.below(10) {
        0..3 => Target::Number,
        3 => Target::Named(format!("{}-main", role.port)),
        4 if role.number == role.container => Target::Same,
        _ => Target::Named(role.port.to_owned()),
    };
    let name = (several || !random.once_in(16)).then_some(role.port);
    let mut ports =
        vec![Port { name, number: role.number, container: role.container, protocol: role.protocol, target }];
    if several {
        let named = |name: &'static str, number, container| {
            let target = Target::Named(name.to_owned());
            Port { name: Some(name), number, container, protocol: "TCP", target }
        };
        ports.push(named("metrics", 9090, 9090));
        if random.once_in(2) {
            ports.push(named("admin", 8081, 9901));
        }
    }
    ports
}
