//! `AdmissionReview` as it really is, and as it should not be, over TLS to the webhook itself.

use http::Method;
use netintent_tests::{Installed, Reply, User};
use serde_json::{Value, json};

use crate::Result;
use crate::manifests::{approval, create, service, workload};

fn ask(webhook: &User, path: &str, request: &Value) -> Result<Reply> {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    Ok(webhook.post(path, &review)?)
}

fn request(operation: &str, object: &Value) -> Value {
    json!({"uid": "0c2c", "operation": operation, "namespace": "default", "name": "a",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "userInfo": {"username": "me", "groups": ["us"], "extra": {"a": ["b"]}},
        "object": object, "oldObject": null, "dryRun": false, "options": {"kind": "CreateOptions"}})
}

#[test]
fn every_answer_has_the_uid_of_its_question() -> Result {
    let installed = Installed::shared()?;
    let webhook = installed.webhook().user(installed.plane())?;
    let pod = json!({"metadata": {"name": "a"}, "spec": {}});
    for path in ["/derive", "/guard", "/workloads", "/approvals"] {
        for operation in ["CREATE", "UPDATE", "DELETE", "CONNECT"] {
            for object in [&pod, &Value::Null] {
                let reply = ask(&webhook, path, &request(operation, object))?;
                assert_eq!(reply.status, 200, "{path} {operation}: {reply:?}");
                assert_eq!(reply.body["response"]["uid"], "0c2c", "{path} {operation}: {reply:?}");
                assert_eq!(reply.body["response"]["allowed"], true, "{path} {operation}: {reply:?}");
                assert_eq!(reply.body["apiVersion"], "admission.k8s.io/v1");
            }
        }
    }
    Ok(())
}

/// Which approvals granted what, under keys that the API server takes: at most 63 characters, without a slash.
#[test]
fn audit_annotations_say_who_granted_what() -> Result {
    let installed = Installed::shared()?;
    for name in ["reviews-shop", "reviews-bank"] {
        installed.namespace(name, "shadow")?;
    }
    create(installed.admin(), &service("reviews-bank", "ledger"))?;
    create(installed.admin(), &approval("reviews-bank", "yes", &["reviews-shop/*"], &["ledger:rpc"]))?;
    let webhook = installed.webhook().user(installed.plane())?;
    let calls = "reviews-bank/ledger:rpc, reviews-bank/ledger:admin";
    let mut asked = request("CREATE", &workload("Pod", "reviews-shop", "web", calls));
    asked["namespace"] = "reviews-shop".into();
    let audit = installed.until("the approval is known", || {
        let review = json!({"request": asked});
        let audit = webhook.post("/derive", &review)?.body["response"]["auditAnnotations"].clone();
        Ok(audit.get("grants").is_some().then_some(audit))
    })?;
    assert_eq!(
        audit,
        json!({"grants": "reviews-bank/ledger:rpc by reviews-bank/yes", "refusals": "reviews-bank/ledger:admin"})
    );
    Ok(())
}

#[test]
fn fields_may_be_missing_null_or_new() -> Result {
    let installed = Installed::shared()?;
    let webhook = installed.webhook().user(installed.plane())?;
    let bare = json!({"uid": "1", "operation": "CREATE", "object": {"metadata": {}}});
    assert_eq!(ask(&webhook, "/derive", &bare)?.body["response"]["allowed"], true);
    for object in [
        json!({"metadata": {"labels": null, "annotations": null, "ownerReferences": null}}),
        json!({"metadata": {"generateName": "a-"}, "spec": null}),
        json!({"metadata": {"name": "a", "labels": {}}, "spec": {"new": {"deep": [1, 2.5, null]}}, "more": "x"}),
        json!({"metadata": {"name": "a", "ownerReferences": [{}]}}),
    ] {
        let reply = ask(&webhook, "/derive", &request("CREATE", &object))?;
        assert_eq!(reply.body["response"]["allowed"], true, "{object}: {reply:?}");
    }
    Ok(())
}

#[test]
fn what_is_no_question_is_no_answer() -> Result {
    let installed = Installed::shared()?;
    let webhook = installed.webhook().user(installed.plane())?;
    let before = installed.webhook().counted("admissions", "error")?;
    for body in ["", "{", "null", "[]", "{}", "{\"request\":{}}", "{\"request\":{\"uid\":7}}", "\u{0}\u{1}"] {
        let reply = webhook.send(&Method::POST, "/guard", "application/json", body.as_bytes().to_vec())?;
        assert_eq!(reply.status, 400, "{body:?}: {reply:?}");
    }
    let wrong = request("CREATE", &json!({"metadata": {"name": "a", "labels": ["x"]}}));
    assert_eq!(ask(&webhook, "/guard", &wrong)?.status, 400);
    assert!(installed.webhook().counted("admissions", "error")? >= before + 9);
    assert_eq!(webhook.send(&Method::GET, "/guard", "text/plain", vec![])?.status, 405);
    assert_eq!(webhook.send(&Method::POST, "/other", "text/plain", vec![])?.status, 404);
    Ok(())
}

/// Larger than any that the API server sends: not read. As large as it may send: read, several at once.
#[test]
fn large_questions_are_answered_within_bounds() -> Result {
    let installed = Installed::shared()?;
    let webhook = installed.webhook().user(installed.plane())?;
    let review = |bytes: usize| {
        let pod = json!({"metadata": {"name": "a", "annotations": {"a": "<".repeat(bytes)}}});
        json!({"request": request("CREATE", &pod)}).to_string().into_bytes()
    };
    // It may hang up before it has been sent all.
    let reply = webhook.send(&Method::POST, "/derive", "application/json", review(41 << 20));
    assert!(reply.as_ref().is_ok_and(|reply| reply.status == 413) || reply.is_err(), "{reply:?}");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| webhook.send(&Method::POST, "/derive", "application/json", review(36 << 20))))
            .collect();
        for thread in threads {
            let reply = thread.join().map_err(|_| "a thread panicked")??;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    Ok(())
}
