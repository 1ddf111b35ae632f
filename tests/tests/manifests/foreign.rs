//! Custom resources of other projects are what their own types say, and expressions what Prometheus reads.

use netintent_tests::Foreign;
use serde_json::{Value, json};

use crate::Result;
use crate::objects::{NAMESPACE, Objects, chart, folder, get, is_of_kubernetes, items, kustomize, list, text};

/// The objects of other projects.
fn foreign(objects: &Objects) -> Vec<&Value> {
    let ours = |object: &Value| object["apiVersion"] == "netintent.dev/v1alpha1";
    objects.values().filter(|object| !is_of_kubernetes(object) && !ours(object)).collect()
}

#[test]
fn their_own_types_take_them() -> Result {
    let decode = Foreign::get()?;
    let mut decoded = decode.decode(&list(foreign(&kustomize("overlays/cert-manager")?)))?;
    decoded.extend(decode.decode(&list(foreign(&kustomize("overlays/monitoring")?)))?);
    decoded.sort();
    let expected = [
        "Certificate/netintent",
        "Certificate/netintent-issuer",
        "Issuer/netintent",
        "Issuer/netintent-self-signed",
        "PrometheusRule/netintent",
        "ServiceMonitor/netintent",
    ];
    assert_eq!(decoded, expected);
    let values = ["certManager.enabled=true", "certManager.issuerRef.name=company", "monitoring.enabled=true"];
    decode.decode(&list(foreign(&chart(&values)?)))?;
    Ok(())
}

/// What is wrong is found.
#[test]
fn mistakes_are_errors() -> Result {
    let decode = Foreign::get()?;
    let objects = kustomize("overlays/monitoring")?;
    let rule = get(&objects, &format!("PrometheusRule {NAMESPACE}/netintent"))?;
    for (pointer, value, said) in [
        ("/spec/groups/0/rules/0/expr", json!("sum by (("), "NetintentDown"),
        ("/spec/groups/0/rules/0/for", json!(5), "for"),
        ("/spec/groups/0/rules/0/labels", json!({"severity": 1}), "rules.labels"),
        ("/spec/groups/0/rules/0/annotations/summary", json!("{{ $labels.pod"), "summary"),
        ("/spec/groups/0", json!({"name": "a", "rule": []}), "rule"),
        ("/kind", json!("PrometheusRules"), "PrometheusRules"),
    ] {
        let mut wrong = rule.clone();
        *wrong.pointer_mut(pointer).ok_or(pointer)? = value;
        let error = decode.decode(&wrong.to_string()).err().ok_or_else(|| format!("{pointer} is taken"))?;
        assert!(error.to_string().contains(said), "{pointer}: {error}");
    }
    Ok(())
}

/// The alerts, by name.
fn alerts() -> Result<Vec<(String, Value)>> {
    let objects = kustomize("overlays/monitoring")?;
    let rule = get(&objects, &format!("PrometheusRule {NAMESPACE}/netintent"))?;
    let rules = items(rule, "/spec/groups/0/rules").iter();
    rules.map(|rule| Ok((text(rule, "/alert")?.to_owned(), rule.clone()))).collect()
}

#[test]
fn every_alert_says_what_to_do() -> Result {
    let alerts = alerts()?;
    for name in [
        "NetintentDown",
        "NetintentUndecided",
        "NetintentStale",
        "NetintentWatchFailing",
        "NetintentCertificateExpiring",
        "NetintentCertificateFailing",
        "NetintentHandshakeFailing",
        "NetintentForgery",
        "NetintentMalformedObjects",
        "NetintentControllerFailing",
        "NetintentNoLeader",
        "NetintentSlow",
    ] {
        assert!(alerts.iter().any(|(alert, _)| alert == name), "no {name}");
    }
    let operating = std::fs::read_to_string(folder().join("../docs/operating.md"))?;
    for (name, rule) in &alerts {
        for pointer in ["/for", "/annotations/summary", "/annotations/description"] {
            assert!(text(rule, pointer)?.len() > 1, "{name} has no {pointer}");
        }
        assert!(["critical", "warning"].contains(&text(rule, "/labels/severity")?), "{name}");
        let heading = format!("/docs/operating.md#{}", name.to_ascii_lowercase());
        assert!(text(rule, "/annotations/runbook_url")?.ends_with(&heading), "{name}");
        assert!(operating.contains(&format!("\n### {name}\n")), "docs/operating.md has no heading {name}");
    }
    Ok(())
}

/// An expression over scrapes that are 30 seconds apart, asked for at the last; a scrape without text failed.
fn evaluate(expression: &str, scrapes: &[Option<&str>]) -> Result<Vec<Value>> {
    let labels = json!({"job": "netintent", "namespace": NAMESPACE, "pod": "netintent-0"});
    let samples: Vec<Value> = (1..)
        .zip(scrapes)
        .map(|(count, text)| match text {
            Some(text) => json!({"at": 30 * count, "labels": labels, "text": text}),
            None => json!({"at": 30 * count, "labels": labels}),
        })
        .collect();
    let question = json!({"samples": samples, "expr": expression, "at": 30 * scrapes.len()});
    Ok(Foreign::get()?.evaluate(&question)?)
}

/// The expression of an alert.
fn expression(alert: &str) -> Result<String> {
    let alerts = alerts()?;
    let (_, rule) = alerts.iter().find(|(name, _)| name == alert).ok_or("no such alert")?;
    Ok(text(rule, "/expr")?.to_owned())
}

/// A pod that cannot be scraped is down, and one that never was there is as well.
#[test]
fn up_is_as_in_prometheus() -> Result {
    let down = expression("NetintentDown")?;
    let some = Some("# EOF\n");
    assert_eq!(evaluate(&down, &[some, some])?, [] as [Value; 0]);
    assert_eq!(evaluate(&down, &[some, None])?.len(), 1);
    assert_eq!(evaluate(&down, &[None])?.len(), 1);
    assert_eq!(evaluate("up", &[some])?[0]["value"], 1);
    Ok(())
}

/// A series ends with the scrape that no longer has it.
#[test]
fn series_end_as_in_prometheus() -> Result {
    let text = Some("# TYPE a gauge\na{b=\"c\"} 2\n# EOF\n");
    let found = evaluate("a", &[text, text])?;
    let labels = json!({"__name__": "a", "b": "c", "job": "netintent", "namespace": NAMESPACE, "pod": "netintent-0"});
    assert_eq!(found, [json!({"labels": labels, "value": 2})]);
    assert_eq!(evaluate("a", &[text, Some("# EOF\n")])?, [] as [Value; 0]);
    assert_eq!(evaluate("a", &[text, None])?, [] as [Value; 0]);
    Ok(())
}

/// A single denial counts, though its series appears with it.
#[test]
fn a_single_forgery_is_told() -> Result {
    let series = |registration: &str, outcome: &str, count: u32| {
        format!("netintent_admissions_total{{registration=\"{registration}\",outcome=\"{outcome}\"}} {count}\n")
    };
    let text = |lines: &[String]| format!("# TYPE netintent_admissions counter\n{}# EOF\n", lines.concat());
    let forgery = expression("NetintentForgery")?;
    let before = text(&[series("guard", "allowed", 3), series("derive", "denied", 2)]);
    let after = text(&[series("guard", "allowed", 3), series("derive", "denied", 4), series("guard", "denied", 1)]);
    assert_eq!(evaluate(&forgery, &[Some(&before), Some(&before)])?, [] as [Value; 0]);
    let told = evaluate(&forgery, &[Some(&before), Some(&before), Some(&after)])?;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["labels"], json!({"namespace": NAMESPACE}));
    // A quarter of an hour later it is over.
    let mut scrapes = vec![Some(before.as_str())];
    scrapes.extend([Some(after.as_str()); 40]);
    assert_eq!(evaluate(&forgery, &scrapes)?, [] as [Value; 0]);
    Ok(())
}
