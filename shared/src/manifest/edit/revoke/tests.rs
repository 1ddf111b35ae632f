use super::*;

const HEAD: &str = "apiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {namespace: bank, name: a}\n";

fn taken(text: &str) -> Result<Option<Revoked>> {
    let caller = CallerPattern::parse("shop/web", None).unwrap();
    let callee = CalleePattern::parse("bank/ledger:rpc", None).unwrap();
    revoke(text, &caller, &callee, "bank", &|_| false)
}

fn rest(text: &str) -> String {
    taken(text).unwrap().unwrap().text
}

#[test]
fn what_nobody_approves_is_left_alone() {
    assert_eq!(taken(&format!("{HEAD}spec: {{callers: [shop/*], callees: [ledger]}}\n")), Ok(None));
    assert_eq!(taken("# nothing\n"), Ok(None));
}

#[test]
fn an_approval_of_its_own_goes_whole() {
    let alone = format!("{HEAD}spec: {{callers: [shop/web], callees: ['ledger:rpc']}}\n");
    let gone = taken(&alone).unwrap().unwrap();
    assert_eq!((gone.text.as_str(), gone.is_spent, gone.taken[0].cut), ("", true, Cut::Whole));
    assert_eq!(gone.taken[0].object.to_string(), "Approval bank/a");
    // Whoever writes a separator first wrote the file by hand.
    assert!(!taken(&format!("---\n{alone}")).unwrap().unwrap().is_spent);
    let twice = format!("{alone}---\nkind: Namespace\napiVersion: v1\nmetadata: {{name: x}}\n---\n{alone}");
    let gone = taken(&twice).unwrap().unwrap();
    assert_eq!(gone.text, "kind: Namespace\napiVersion: v1\nmetadata: {name: x}\n");
    assert_eq!((gone.taken.len(), gone.is_spent), (2, false));
    assert_eq!(rest(&format!("{alone}---\n{alone}")), "");
}

#[test]
fn an_item_goes_alone() {
    let file =
        |callers: &str, callees: &str| format!("\u{FEFF}{HEAD}spec:\n  callers:{callers}\n  callees:{callees}\n");
    assert_eq!(
        rest(&file("\n    - shop/cart\n    # the web\n    - shop/web # x", " ['ledger:rpc']")),
        file("\n    - shop/cart", " ['ledger:rpc']")
    );
    assert_eq!(rest(&file(" [shop/web]", " ['ledger:rpc', cards]")), file(" [shop/web]", " [cards]"));
}

#[test]
fn a_caller_that_keeps_other_callees_gets_a_document() {
    let text =
        format!("{HEAD}spec:\n  callers: [shop/web, shop/cart]\n  callees: ['ledger:rpc', cards]\n  reason: x\n");
    let found = taken(&text).unwrap().unwrap();
    assert_eq!(
        found.text,
        format!(
            "{}---\napiVersion: netintent.dev/v1alpha1\nkind: Approval\nmetadata: {{namespace: bank, name: shop.web.calls.cards}}\nspec:\n  callers: [shop/web]\n  callees: [\"cards\"]\n  reason: x\n",
            text.replace("shop/web, ", "")
        )
    );
    assert_eq!(found.taken[0].added.as_ref().unwrap().to_string(), "Approval bank/shop.web.calls.cards");
}

#[test]
fn callers_of_other_kinds_stay() {
    let text =
        format!("{HEAD}spec:\n  callers: [shop/web]\n  callees: ['ledger:rpc']\n  from: [{{podSelector: {{}}}}]\n");
    assert_eq!(rest(&text), text.replace("  callers: [shop/web]\n", ""));
}

#[test]
fn items_of_lists() {
    let object = |name: &str| {
        format!(
            "{{\"apiVersion\":\"netintent.dev/v1alpha1\",\"kind\":\"Approval\",\"metadata\":{{\"namespace\":\"bank\",\"name\":\"{name}\"}},\"spec\":{{\"callers\":[\"shop/web\"],\"callees\":[\"ledger:rpc\"]}}}}"
        )
    };
    let other = "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"x\"}}";
    let list = |items: &str| format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{items}]}}");
    assert_eq!(rest(&list(&format!("{},{other}", object("a")))), list(other));
    assert_eq!(rest(&list(&format!("{other},\n{}", object("a")))), list(other));
    let error = taken(&list(&object("a"))).unwrap_err();
    assert_eq!(error.message, "it is all that the file holds, and a JSON file cannot be empty");
    let yaml = "apiVersion: v1\nkind: List\nitems:\n";
    let block = |text: &str| format!("- {}\n", text.trim_end().replace('\n', "\n  "));
    let approval = block(&format!("{HEAD}spec: {{callers: [shop/web], callees: ['ledger:rpc']}}\n"));
    assert_eq!(rest(&format!("{yaml}# x\n{approval}- {other}\n")), format!("{yaml}- {other}\n"));
    assert_eq!(rest(&format!("{yaml}{approval}")), "");
}

#[test]
fn what_cannot_be_done_without_a_doubt_is_refused() {
    for (spec, message) in [
        ("  callers: &c [shop/web, shop/cart]\n  callees: ['ledger:rpc']\n", "the document has anchors or aliases"),
        ("  callers: [shop/cart,\n    # who?\n    shop/web]\n  callees: ['ledger:rpc']\n", "it is written in a way"),
        ("  callers:\n  -\n    shop/web\n  - shop/cart\n  callees: ['ledger:rpc']\n", "it is written in a way"),
    ] {
        let error = taken(&format!("{HEAD}spec:\n{spec}")).unwrap_err();
        assert!(error.message.starts_with(message) && error.at.is_some(), "{error:?}");
    }
    // Anchors that go as a whole are in nobody's way.
    assert_eq!(rest(&format!("{HEAD}spec: {{callers: [&w shop/web, *w], callees: ['ledger:rpc']}}\n")), "");
    let json = "{\"apiVersion\":\"netintent.dev/v1alpha1\",\"kind\":\"Approval\",\"metadata\":{\"namespace\":\"bank\",\"name\":\"a\"},\"spec\":{\"callers\":[\"shop/web\",\"a/b\"],\"callees\":[\"ledger:rpc\",\"c\"]}}";
    assert!(taken(json).unwrap_err().message.starts_with("the file is JSON"));
}
