//! Whole objects, good and bad.

/// An object, and who refuses it with which words.
pub(crate) struct Case {
    kind: &'static str,
    spec: String,
    /// Words of the API server, if it refuses.
    pub(crate) server: Option<&'static str>,
    /// Words of `netintent::manifest`, if it refuses.
    pub(crate) offline: Option<&'static str>,
}

impl Case {
    /// The object under a name. What follows a `|` in the case stands beside `spec`, not in it.
    pub(crate) fn manifest(&self, name: &str) -> String {
        let (spec, beside) = self.spec.split_once('|').unwrap_or((&self.spec, ""));
        let namespace = if self.kind == "Approval" { "namespace: bank, " } else { "" };
        let kind = self.kind;
        format!(
            "{{apiVersion: netintent.dev/v1alpha1, kind: {kind}, metadata: {{{namespace}name: {name}}}{beside}, spec: {spec}}}"
        )
    }
}

/// All cases. The long ones are made here.
pub(crate) fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = GOOD.iter().map(|&(kind, spec)| case(kind, spec.to_owned(), None)).collect();
    cases.extend(BAD.iter().map(|&(kind, spec, server, offline)| case(kind, spec.to_owned(), Some((server, offline)))));
    cases.extend(
        DIFFERENT
            .iter()
            .map(|&(kind, spec, offline)| Case { offline: Some(offline), ..case(kind, spec.to_owned(), None) }),
    );
    for (count, refused) in
        [(1024, None), (1025, Some(("must have at most 1024 items", "1025 items, and may have 1024")))]
    {
        cases.push(case("Approval", format!("{{callers: [{}], callees: [a]}}", "a/b, ".repeat(count)), refused));
        cases.push(case(
            "ClusterApproval",
            format!("{{callers: ['*/*'], callees: [{}]}}", "a/b, ".repeat(count)),
            refused,
        ));
        cases.push(case(
            "ClusterProhibition",
            format!("{{callers: [{}], callees: [a/b]}}", "a/*, ".repeat(count)),
            refused,
        ));
        cases.push(case(
            "Approval",
            format!("{{from: [{}], callees: [a]}}", "{podSelector: {}}, ".repeat(count)),
            refused,
        ));
    }
    for (count, refused) in
        [(1024, None), (1025, Some(("may not be more than 1024", "1025 characters, and may have 1024")))]
    {
        cases.push(case(
            "Approval",
            format!("{{callers: [a/b], callees: [a], reason: {}}}", "ü".repeat(count)),
            refused,
        ));
    }
    cases
}

fn case(kind: &'static str, spec: String, refused: Option<(&'static str, &'static str)>) -> Case {
    Case { kind, spec, server: refused.map(|r| r.0), offline: refused.map(|r| r.1) }
}

const GOOD: &[(&str, &str)] = &[
    (
        "Approval",
        "{callers: [shop/frontend], callees: ['ledger:rpc'], reason: 'refunds, PAY-1234', expiresAt: 2027-06-30T00:00:00Z, from: []}",
    ),
    (
        "Approval",
        "{callers: ['*/*', shop/*, ./report, ./*, shop/web.v2], callees: ['*', '*:metrics', ledger, 'ledger:8443']}",
    ),
    ("Approval", "{callers: [a/b, a/b], callees: [c, c]}"),
    ("Approval", "{from: [{podSelector: {}}], callees: ['*']}"),
    ("Approval", "{callers: [], from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], callees: ['*']}"),
    ("Approval", "{callers: null, from: [{namespaceSelector: {matchLabels: {a: b}}}], callees: ['*']}"),
    ("Approval", "{callers: [a/b], callees: [c], from: null, reason: null, expiresAt: null}"),
    ("Approval", "{callers: [a/b], callees: [c], reason: ''}"),
    (
        "Approval",
        "{callers: [a/b], callees: [c], from: [{podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}, ipBlock: null}]}",
    ),
    // What is no peer is told by check, and left out of the policy: an Approval that was admitted must stay readable.
    ("Approval", "{callees: [c], from: [{}]}"),
    ("Approval", "{callees: [c], from: [{ipBlock: {cidr: 10.0.0.300/8}}]}"),
    ("Approval", "{callees: [c], from: [{ipBlock: {cidr: ''}}]}"),
    ("Approval", "{callees: [c], from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}"),
    ("Approval", "{callees: [c], from: [{podSelector: {matchLabels: {'a b': c}}}]}"),
    ("Approval", "{callees: [c], from: [{podSelector: {matchExpressions: [{key: a, operator: Equals}]}}]}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00.123456789+02:00'}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T23:59:59.5-23:59'}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2024-02-29T00:00:00Z'}"),
    ("Approval", "{callees: [c], from: [{podSelector: null}]}"),
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchLabels: null, matchExpressions: null}}, {ipBlock: {cidr: a, except: null}}]}",
    ),
    ("Approval", "{callees: [c], from: [{podSelector: {matchExpressions: [{key: '', operator: '', values: null}]}}]}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '0000-01-01T00:00:00+23:59'}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '0001-01-01T00:00:00Z'}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '9998-12-31T23:59:59Z'}"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '9999-01-01T00:59:59+01:00'}"),
    ("ClusterApproval", "{callers: [monitoring/prometheus], callees: ['*/*:metrics']}"),
    (
        "ClusterApproval",
        "{callers: ['*/*', shop/*], callees: [bank/ledger, 'bank/ledger:rpc', bank/*, '*/*', '@backend', '@backend:8443']}",
    ),
    ("ClusterApproval", "{callees: [bank/*], from: [{namespaceSelector: {}}]}"),
    ("ClusterProhibition", "{callers: [dev/*], callees: [prod/*], reason: never}"),
    ("ClusterProhibition", "{callers: ['*/*'], callees: ['@vault:rpc', bank/ledger]}"),
];

/// What the server accepts though we do not.
const DIFFERENT: &[(&str, &str, &str)] = &[
    // It drops the label, so that the selector selects every pod: nobody means that. Server-side apply is refused.
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchLabels: {a: null}}}]}",
        "a label of a selector has no value",
    ),
];

const BAD: &[(&str, &str, &str, &str)] = &[
    // The commonest slips, and the words that help.
    (
        "Approval",
        "{callers: [frontend], callees: [c]}",
        "a caller needs its namespace: write `./name`",
        "write `./frontend` for this one",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [shop/cart]}",
        "an Approval's callees are Services of its own namespace",
        "Services of its own namespace",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: ['@backend']}",
        "a ClusterApproval can name others",
        "Services of its own namespace",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: ['c:this-name-of-a-port-has-one-character-more-than-the-longest-dns-label']}",
        "a port's name has at most 63 characters",
        "is no port",
    ),
    ("ClusterApproval", "{callers: [./a], callees: [b/c]}", "write `namespace/name`", "stands for no namespace"),
    ("ClusterApproval", "{callers: [a], callees: [b/c]}", "write `namespace/name`", "does not say in which namespace"),
    (
        "ClusterApproval",
        "{callers: [a/b], callees: [ledger]}",
        "a callee needs its namespace here",
        "does not say in which namespace",
    ),
    (
        "ClusterApproval",
        "{callers: [a/b], callees: ['*']}",
        "a callee needs its namespace here",
        "does not say in which namespace",
    ),
    (
        "ClusterProhibition",
        "{callers: [dev/web], callees: [prod/*]}",
        "a prohibition names whole namespaces",
        "a prohibition names whole namespaces",
    ),
    ("ClusterProhibition", "{callers: [./*], callees: [prod/*]}", "should match", "stands for no namespace"),
    // Something is missing.
    ("Approval", "null", "spec: Required value", "`spec` is missing"),
    ("Approval", "{}", "spec.callees: Required value", "`callees` needs at least one item"),
    ("Approval", "{callers: [a/b]}", "spec.callees: Required value", "`callees` needs at least one item"),
    (
        "Approval",
        "{callers: [a/b], callees: null}",
        "spec.callees: Required value",
        "`callees` needs at least one item",
    ),
    ("Approval", "{callers: [a/b], callees: []}", "should have at least 1 items", "`callees` needs at least one item"),
    ("Approval", "{callees: [c]}", "at least one of `callers` or `from`", "at least one of `callers` or `from`"),
    (
        "Approval",
        "{callers: [], callees: [c]}",
        "at least one of `callers` or `from`",
        "at least one of `callers` or `from`",
    ),
    (
        "Approval",
        "{callers: [], from: [], callees: [c]}",
        "at least one of `callers` or `from`",
        "at least one of `callers` or `from`",
    ),
    (
        "ClusterApproval",
        "{callees: [a/b]}",
        "at least one of `callers` or `from`",
        "at least one of `callers` or `from`",
    ),
    (
        "ClusterProhibition",
        "{callers: [], callees: [a/b]}",
        "should have at least 1 items",
        "`callers` needs at least one item",
    ),
    ("ClusterProhibition", "{callees: [a/b]}", "spec.callers: Required value", "`callers` needs at least one item"),
    // Fields that there are not, such as one that is indented too little.
    ("Approval", "{callers: [a/b], calles: [c]}", "unknown field \"spec.calles\"", "no field `calles`"),
    (
        "Approval",
        "{callers: [a/b], callees: [c]}|, expiresAt: '2027-06-30T00:00:00Z'",
        "unknown field \"expiresAt\"",
        "no field `expiresAt`",
    ),
    ("Approval", "{callers: [a/b], callees: [c]}|, status: {}", "unknown field \"status\"", "no field `status`"),
    (
        "Approval",
        "{callees: [c], from: [{podSelektor: {}}]}",
        "unknown field \"spec.from[0].podSelektor\"",
        "no field `podSelektor`",
    ),
    (
        "ClusterProhibition",
        "{callers: [dev/*], callees: [a/b], from: [{podSelector: {}}]}",
        "unknown field \"spec.from\"",
        "no field `from`",
    ),
    (
        "ClusterProhibition",
        "{callers: [dev/*], callees: [a/b], expiresAt: '2027-06-30T00:00:00Z'}",
        "unknown field \"spec.expiresAt\"",
        "no field `expiresAt`",
    ),
    // Values of another type.
    ("Approval", "[]", "spec", "must be a mapping"),
    ("Approval", "{callers: a/b, callees: [c]}", "must be of type array", "must be a list"),
    ("Approval", "{callers: {a: b}, callees: [c]}", "unknown field \"spec.callers.a\"", "must be a list"),
    ("Approval", "{callers: [1], callees: [c]}", "must be of type string", "this is a number"),
    ("Approval", "{callers: [a/b], callees: [80]}", "must be of type string", "this is a number"),
    ("Approval", "{callers: [a/b], callees: [yes]}", "must be of type string", "this is a boolean"),
    ("Approval", "{callers: [null], callees: [c]}", "must be of type string", "this is a null"),
    ("Approval", "{callers: [a/b], callees: [c], reason: 5}", "must be of type string", "this is a number"),
    ("Approval", "{callees: [c], from: [null]}", "must be of type object", "must be a mapping"),
    ("Approval", "{callees: [c], from: [shop/frontend]}", "must be of type object", "must be a mapping"),
    (
        "Approval",
        "{callees: [c], from: {podSelector: {}}}",
        "unknown field \"spec.from.podSelector\"",
        "must be a list",
    ),
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchLabels: {a: 1}}}]}",
        "must be of type string",
        "this is a number",
    ),
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchLabels: [a]}}]}",
        "must be of type object",
        "must be a mapping",
    ),
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchExpressions: [{operator: Exists}]}}]}",
        "key: Required value",
        "`key` is missing",
    ),
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchExpressions: [{key: a, operator: null}]}}]}",
        "operator: Required value",
        "`operator` is missing",
    ),
    (
        "Approval",
        "{callees: [c], from: [{podSelector: {matchExpressions: [{key: a, operator: In, values: [null]}]}}]}",
        "must be of type string",
        "this is a null",
    ),
    ("Approval", "{callees: [c], from: [{ipBlock: {except: []}}]}", "cidr: Required value", "`cidr` is missing"),
    (
        "Approval",
        "{callees: [c], from: [{ipBlock: {cidr: 10.0.0.0/8, except: 10.1.0.0/16}}]}",
        "must be of type array",
        "must be a list",
    ),
    // Points in time that some readers take and others do not.
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: 2027-06-30}", "expiresAt", "no point in time"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: ''}", "expiresAt", "no point in time"),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: 20270630}",
        "must be of type date-time",
        "this is a number",
    ),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00'}", "expiresAt", "no point in time"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30 00:00:00Z'}", "expiresAt", "no point in time"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30t00:00:00z'}", "expiresAt", "no point in time"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00Z'}", "expiresAt", "no point in time"),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00+02'}",
        "expiresAt",
        "no point in time",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00+24:00'}",
        "expiresAt",
        "no point in time",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00Z[Europe/Berlin]'}",
        "expiresAt",
        "no point in time",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00,5Z'}",
        "expiresAt",
        "no point in time",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T00:00:00.1234567890Z'}",
        "expiresAt",
        "no point in time",
    ),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T23:59:60Z'}", "expiresAt", "no point in time"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-06-30T24:00:00Z'}", "expiresAt", "no point in time"),
    ("Approval", "{callers: [a/b], callees: [c], expiresAt: '2027-02-29T00:00:00Z'}", "expiresAt", "no point in time"),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '-002027-06-30T00:00:00Z'}",
        "expiresAt",
        "no point in time",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '9999-12-31T23:59:59Z'}",
        "leave `expiresAt` out",
        "after the year 9998",
    ),
    (
        "Approval",
        "{callers: [a/b], callees: [c], expiresAt: '9998-12-31T23:59:59-01:00'}",
        "leave `expiresAt` out",
        "after the year 9998",
    ),
];
