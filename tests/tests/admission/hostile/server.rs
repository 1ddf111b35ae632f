//! Somebody else's mutating webhook, in the test's own process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netintent_tests::Authority;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::Result;

/// A webhook that gives every object that it is asked about one label.
pub(super) struct Labeller {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Labeller {
    /// Serves until the test's process ends.
    pub(super) fn start(authority: &Authority, key: &str) -> Result<Self> {
        let identity = authority.server(&["127.0.0.1"])?;
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
        let private = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], private)?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("https://{}", listener.local_addr()?);
        let asked = Arc::new(AtomicUsize::new(0));
        let (counter, key) = (Arc::clone(&asked), key.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, counter, key) = (Arc::clone(&config), Arc::clone(&counter), key.clone());
                // A connection that ends in the middle is the API server's to complain of.
                thread::spawn(move || drop(answer_all(stream, config, &counter, &key)));
            }
        });
        Ok(Self { url, asked })
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Its registration, for what can carry labels in one namespace. Webhooks are called in the order of these names.
    pub(super) fn registration(&self, authority: &Authority, name: &str, namespace: &str) -> Value {
        json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "labels.example.org",
                "admissionReviewVersions": ["v1"], "sideEffects": "None", "reinvocationPolicy": "IfNeeded",
                "clientConfig": {"url": self.url, "caBundle": STANDARD.encode(authority.pem())},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["pods", "pods/*", "bindings"]}]}]})
    }
}

fn answer_all(stream: TcpStream, config: Arc<ServerConfig>, asked: &AtomicUsize, key: &str) -> Result {
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config)?, stream));
    loop {
        let mut length = 0;
        let mut line = String::new();
        // The line of the request and its headers, up to an empty line.
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some(("content-length", value)) = line.to_ascii_lowercase().trim().split_once(": ") {
                length = value.parse()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        asked.fetch_add(1, Ordering::Relaxed);
        let text = answer(&serde_json::from_slice(&body)?, key).to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", text.len());
        let stream = stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(text.as_bytes())?;
        stream.flush()?;
    }
}

fn answer(review: &Value, key: &str) -> Value {
    let mut response = json!({"uid": review["request"]["uid"], "allowed": true});
    let metadata = &review["request"]["object"]["metadata"];
    // What is connected to, or evicted, has nothing to label.
    if metadata.is_object() {
        let mut patch = Vec::new();
        if !metadata["labels"].is_object() {
            patch.push(json!({"op": "add", "path": "/metadata/labels", "value": {}}));
        }
        let path = format!("/metadata/labels/{}", key.replace('/', "~1"));
        patch.push(json!({"op": "add", "path": path, "value": "allowed"}));
        response["patchType"] = "JSONPatch".into();
        response["patch"] = STANDARD.encode(Value::Array(patch).to_string()).into();
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}
