//! How far a Deployment is, as `kubectl rollout status` tells it.

use serde_json::Value;

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rollout {
    /// Its pods are those that it asks for, and ready.
    Done,
    /// What is still missing.
    Waiting(String),
    /// It does not get on, and why.
    Stuck(String),
}

/// How far a Deployment is.
pub(crate) fn rollout(deployment: &Value) -> Rollout {
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return Rollout::Waiting("its controller has not seen it yet".to_owned());
    }
    let conditions = deployment.pointer("/status/conditions").and_then(Value::as_array);
    let late =
        |condition: &&Value| condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded";
    if let Some(condition) = conditions.into_iter().flatten().find(late) {
        return Rollout::Stuck(condition["message"].as_str().unwrap_or_default().to_owned());
    }
    let wanted = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let (updated, all) = (number("/status/updatedReplicas"), number("/status/replicas"));
    let available = number("/status/availableReplicas");
    if updated < wanted {
        return Rollout::Waiting(format!("{updated} of {wanted} new replicas are made"));
    }
    if all > updated {
        return Rollout::Waiting(format!("{} old replicas are still there", all - updated));
    }
    if available < updated {
        return Rollout::Waiting(format!("{available} of {updated} replicas are ready"));
    }
    Rollout::Done
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_done_when_all_its_replicas_are_new_and_ready() {
        let of =
            |status: Value| rollout(&json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}));
        let status = |updated: u64, all: u64, available: u64| {
            of(json!({"observedGeneration": 2, "updatedReplicas": updated, "replicas": all,
                "availableReplicas": available}))
        };
        let waiting = |text: &str| Rollout::Waiting(text.to_owned());
        assert_eq!(of(Value::Null), waiting("its controller has not seen it yet"));
        assert_eq!(of(json!({"observedGeneration": 1})), waiting("its controller has not seen it yet"));
        assert_eq!(status(1, 3, 2), waiting("1 of 2 new replicas are made"));
        assert_eq!(status(2, 3, 3), waiting("1 old replicas are still there"));
        assert_eq!(status(2, 2, 1), waiting("1 of 2 replicas are ready"));
        assert_eq!(status(2, 2, 2), Rollout::Done);
        let late = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing",
            "reason": "ProgressDeadlineExceeded", "message": "timed out"}]});
        assert_eq!(of(late), Rollout::Stuck("timed out".to_owned()));
    }
}
