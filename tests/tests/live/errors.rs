//! What goes wrong between the plugin and a cluster is said, and no part of an answer is taken for the whole.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use netintent_tests::{ControlPlane, Kubectl};

use crate::Result;
use crate::plugin::{netintent, workload};

/// A kubeconfig in the scratch folder of a kubectl.
pub(crate) fn kubeconfig(kubectl: &Kubectl, server: &str, user: &str) -> Result<String> {
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters:\n- name: test\n  cluster: {{server: '{server}', insecure-skip-tls-verify: true}}\n\
         users:\n- name: user\n  user: {user}\n\
         contexts:\n- name: test\n  context: {{cluster: test, user: user}}\n"
    );
    let name = format!("config-{}", text.len());
    Ok(kubectl.scratch().file(&name, text)?.display().to_string())
}

/// What a server answers: a part of the path, the status and the body.
type Answers = Vec<(&'static str, u16, String)>;

const NOTHING: &str = "{\"metadata\": {}, \"items\": []}";

/// These answers, and to all else that there is nothing.
fn else_nothing(mut answers: Answers) -> Answers {
    answers.extend([("/apis/", 200, NOTHING.to_owned()), ("/apis", 200, "{\"items\": []}".to_owned())]);
    answers
}

/// A server that answers as an API server would, and that is what it lies about: first matching path, then status and body.
fn liar(answers: Answers) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = answers.clone();
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).is_err() || line.is_empty() {
                        return;
                    }
                    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {}
                    let empty = NOTHING.to_owned();
                    let found = answers.iter().find(|(part, ..)| path.contains(part));
                    let (status, body) = found.map_or((200, &empty), |(_, status, body)| (*status, body));
                    let head = format!(
                        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    if reader.get_mut().write_all((head + body).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(url)
}

fn status(code: u16, reason: &str, message: &str) -> String {
    format!(
        "{{\"kind\": \"Status\", \"apiVersion\": \"v1\", \"status\": \"Failure\", \"message\": \"{message}\", \"reason\": \"{reason}\", \"code\": {code}}}"
    )
}

#[test]
fn each_failure_is_said_and_is_no_answer() -> Result {
    let kubectl = Kubectl::alone()?;
    let page = r#"{"metadata": {"continue": "next", "resourceVersion": "1"}, "items": [{"metadata": {"name": "a", "namespace": "n"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}]}"#;
    let old = "{\"kind\": \"APIGroupList\", \"groups\": []}".to_owned();
    let cases: Vec<(&str, Answers, &str)> = vec![
        (
            "a server error",
            vec![("/pods", 500, status(500, "InternalError", "etcd is gone"))],
            "refuses: etcd is gone (InternalError 500)",
        ),
        (
            "an expired token",
            vec![("/", 401, status(401, "Unauthorized", "Unauthorized"))],
            "does not accept the credentials",
        ),
        (
            "permission lost on the way",
            vec![
                ("continue=next", 403, status(403, "Forbidden", "pods is forbidden")),
                ("/pods", 200, page.to_owned()),
            ],
            "permission was lost while reading: pods is forbidden",
        ),
        (
            "a list that is always too old",
            vec![("continue=next", 410, status(410, "Expired", "too old")), ("/pods", 200, page.to_owned())],
            "the cluster changed faster than it could be read",
        ),
        ("a very old API server", vec![("/apis/", 200, NOTHING.to_owned()), ("/apis", 200, old)], "too old"),
        (
            "an old API server",
            vec![("/version", 200, r#"{"major": "1", "minor": "31+", "gitVersion": "v1.31.4-eks"}"#.to_owned())],
            "the API server is too old: it is of Kubernetes v1.31.4-eks",
        ),
        ("no API server at all", vec![("/", 200, "<html>".to_owned())], "the answer can't be read"),
        ("half an answer", vec![("/pods", 200, page[..60].to_owned())], "the answer can't be read"),
    ];
    for (what, answers, message) in cases {
        let config = kubeconfig(&kubectl, &liar(else_nothing(answers))?, "{token: x}")?;
        let write: &[&str] = match what {
            "an old API server" => &["install", "--apply"],
            // There is nothing to take out, and so nothing to ask.
            "a very old API server" => &["check"],
            _ => &["uninstall", "--apply", "--yes"],
        };
        for command in [&["list", "-A"][..], &["check", "-A"], &["render", "-A"], &["explain", "n/a", "n/a"], write] {
            let said = netintent(&kubectl, &[command, &["--kubeconfig", &config]].concat())?;
            assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{what}, {command:?}: {said:?}");
            assert!(said.err.contains(message) && said.err.contains("help: "), "{what}, {command:?}: {said:?}");
        }
    }
    Ok(())
}

#[test]
fn a_newer_servers_policy_makes_no_verdict() -> Result {
    let kubectl = Kubectl::alone()?;
    let policy = r#"{"metadata": {}, "items": [{"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"podSelector": {}, "futureField": {"a": 1}}}]}"#;
    let pod = |name: &str| {
        format!(
            "{{\"metadata\": {{\"name\": \"{name}\", \"namespace\": \"n\", \"uid\": \"{name}\"}}, \"spec\": {{\"containers\": [{{\"name\": \"a\", \"image\": \"a\"}}]}}}}"
        )
    };
    let pods = format!("{{\"metadata\": {{}}, \"items\": [{}, {}]}}", pod("a"), pod("b"));
    let answers = vec![("/networkpolicies", 200, policy.to_owned()), ("/pods", 200, pods)];
    let server = liar(else_nothing(answers))?;
    let config = kubeconfig(&kubectl, &server, "{}")?;
    let said = netintent(&kubectl, &["explain", "n/a", "n/b", "--kubeconfig", &config])?;
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(said.out.contains("cannot tell") && said.err.contains("futureField"), "{said:?}");
    Ok(())
}

#[test]
fn without_a_cluster_it_is_said_what_to_do() -> Result {
    let kubectl = Kubectl::alone()?;
    let missing = kubectl.scratch().path().join("nowhere").display().to_string();
    let closed = kubeconfig(&kubectl, "https://127.0.0.1:1", "{}")?;
    let cases: [(&[&str], &str); 7] = [
        (&["list"], "no cluster is configured, and no file is given"),
        (&["list", "--kubeconfig", &missing], "cannot read"),
        (&["list", "--kubeconfig", &closed], "cannot reach the API server https://127.0.0.1:1/"),
        (&["list", "--kubeconfig", &closed, "--context", "other"], "it has no context `other`"),
        (&["list", "--kubeconfig", &closed, "--cluster", "other"], "it has no cluster `other`"),
        (
            &["mode", "bank", "enforce", "--mode", "bank=enforce", "--yes", "--kubeconfig", &closed],
            "a mode is set on the cluster as it is, and not as --mode says",
        ),
        (&["revoke", "a/b", "--to", "c/d", "--kubeconfig", &closed], "it is not said where the approval is to go from"),
    ];
    for (args, message) in cases {
        let said = netintent(&kubectl, args)?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{args:?}: {said:?}");
        assert!(said.err.contains(message) && said.err.contains("help: "), "{args:?}: {said:?}");
    }
    Ok(())
}

#[test]
fn a_cluster_without_netintent_is_shown_and_told_of() -> Result {
    let plane = ControlPlane::shared()?;
    let kubectl = plane.admin();
    plane.namespace("bare")?;
    kubectl.pipe(["apply", "-f", "-"], &workload("bare", "a", ""))?;
    for command in
        [&["list", "-A"][..], &["check", "-A"], &["render", "-A"], &["explain", "bare/a", "bare/a"], &["snapshot"]]
    {
        let said = netintent(kubectl, command)?;
        assert_eq!(said.status, Some(2), "{command:?}: {said:?}");
        assert!(said.err.contains("netintent is not installed in this cluster"), "{command:?}: {said:?}");
        assert!(said.err.contains("kubectl netintent install"), "{command:?}: {said:?}");
    }
    // All of it is known: a slip is one, and what its policies deny is denied.
    let said = netintent(kubectl, &["explain", "bare/ab", "bare/a"])?;
    assert!(said.err.contains("no workload `ab` in namespace bare"), "{said:?}");
    let deny = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: bare, name: none}, \
        spec: {podSelector: {}}}";
    kubectl.pipe(["apply", "-f", "-"], deny)?;
    assert_eq!(netintent(kubectl, &["explain", "198.51.100.7", "bare/a"])?.status, Some(1));
    kubectl.text(["delete", "networkpolicy", "-n", "bare", "none"])?;
    let service = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "bare", "name": "b"}, "spec": {"selector": {"app": "b"}, "ports": [{"port": 80}]}}"#;
    kubectl.pipe(["apply", "-f", "-"], service)?;
    let said = netintent(kubectl, &["approve", "bare/*", "--to", "bare/b", "--apply"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.err.contains("it knows no Approvals") && said.err.contains("install netintent"), "{said:?}");
    Ok(())
}

/// Between what `mode` shows and what it writes somebody may have changed the object.
#[test]
fn a_mode_is_not_written_over_somebody_elses() -> Result {
    let kubectl = Kubectl::alone()?;
    let namespace = |mode: &str| {
        format!(
            "{{\"metadata\": {{\"name\": \"n\", \"resourceVersion\": \"7\", \"labels\": {{\"netintent.dev/mode\": \"{mode}\"}}}}}}"
        )
    };
    let list = format!("{{\"metadata\": {{}}, \"items\": [{}]}}", namespace("shadow"));
    let conflict = status(409, "Conflict", "the object has been modified");
    for first in ["shadow", "enforce"] {
        let answers = vec![
            ("/namespaces/n?fieldManager", 409, conflict.clone()),
            ("/api/v1/namespaces/n", 200, namespace(first)),
            ("/api/v1/namespaces?", 200, list.clone()),
        ];
        let config = kubeconfig(&kubectl, &liar(else_nothing(answers))?, "{token: x}")?;
        let said = netintent(&kubectl, &["mode", "n", "off", "--yes", "--kubeconfig", &config])?;
        assert_eq!(said.status, Some(2), "{said:?}");
        assert!(said.err.contains("somebody else changed Namespace n meanwhile"), "{said:?}");
        assert!(said.err.contains("nothing was changed: run the command again"), "{said:?}");
    }
    Ok(())
}
