//! The command line: its arguments, and what names and ports in them stand for.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::LazyLock;

use jiff::Timestamp;
use netintent::explain::{AskedPort, Question, explain};
use netintent::manifest::collect;
use netintent::mode::ModeOverride;
use netintent::names::{is_dns_label, printable_char};
use netintent::port::Protocol;
use netintent::resolve::{Home, Role, Subject, asked_port, full_name, resolve, split_port};
use netintent::snapshot::{Options, Snapshot};

use crate::{is_tame, read};

/// The documentation's example.
static DEMO: LazyLock<Snapshot> = LazyLock::new(|| {
    let manifests = [
        include_str!("../../../manifests/demo/approvals.yaml"),
        include_str!("../../../manifests/demo/bank.yaml"),
        include_str!("../../../manifests/demo/namespaces.yaml"),
        include_str!("../../../manifests/demo/platform.yaml"),
        include_str!("../../../manifests/demo/shop.yaml"),
    ];
    let objects = manifests.iter().filter_map(|text| read(text)).flatten().flat_map(|decoded| decoded.objects);
    let objects = collect(objects, &|_| String::new(), &mut Vec::new());
    Snapshot::new(objects, &Options::at(Timestamp::UNIX_EPOCH))
});

/// The bytes are the arguments, with a zero after each but the last.
pub fn check(data: &[u8]) {
    let given: Vec<&[u8]> = data.split(|byte| *byte == 0).take(16).collect();
    let arguments: Vec<OsString> = std::iter::once(OsString::from("kubectl-netintent"))
        .chain(given.iter().map(|argument| OsString::from_vec(argument.to_vec())))
        .collect();
    if let Err(error) = kubectl_netintent::cli::parse(&arguments) {
        let said = error.render().to_string();
        assert!(said.chars().all(|c| c == '\n' || printable_char(c) == c), "{said:?}");
        assert!([0, 2].contains(&error.exit_code()), "{said}");
    }
    let texts: Vec<&str> = given.iter().filter_map(|argument| std::str::from_utf8(argument).ok()).collect();
    for text in &texts {
        mode(text);
        names(text);
    }
    for pair in texts.windows(2) {
        asked(pair[0], pair[1]);
    }
}

fn mode(text: &str) {
    if let Ok(ModeOverride { namespace, mode }) = text.parse() {
        assert!(namespace.as_deref().is_none_or(is_dns_label), "{text}");
        assert_eq!(format!("{}={mode}", namespace.as_deref().unwrap_or("*")), text);
    }
}

/// What a name stands for has a name in full, which stands for it too.
fn names(text: &str) {
    let (name, port) = split_port(text);
    assert!(text.contains(name) && port.is_none_or(|port| text.ends_with(port)), "{text}");
    for role in [Role::Caller, Role::Callee] {
        for only in [false, true] {
            let home = Home { namespace: "shop", only };
            let Ok(found) = resolve(&DEMO, name, role, home) else { continue };
            let again = resolve(&DEMO, &full_name(&DEMO, &found), role, home);
            let same = match (&found, &again) {
                // One of its pods, or some, have no name of that kind.
                (Subject::Workload(at, _), Ok(Subject::Workload(other, _))) => at == other,
                _ => again.as_ref() == Ok(&found),
            };
            assert!(same, "{text} is {found:?}, and its full name {again:?}");
        }
    }
}

/// May the one call the other? There is an answer, or a reason why there is none.
fn asked(caller: &str, callee: &str) {
    let home = Home { namespace: "default", only: false };
    let (callee, written) = split_port(callee);
    let Ok(source) = resolve(&DEMO, caller, Role::Caller, home) else { return };
    let Ok(destination) = resolve(&DEMO, callee, Role::Callee, home) else { return };
    if matches!((&source, &destination), (Subject::Addresses(..), Subject::Addresses(..))) {
        return;
    }
    let port = match written.map(|port| asked_port(&DEMO, &destination, port)).transpose() {
        Ok(port) => port,
        Err(error) => return is_tame(&error.message),
    };
    // What is answered is what was asked, and not nearly so.
    let written = written.unwrap_or_default();
    match &port {
        Some(AskedPort::Number(Protocol::Tcp, number)) => {
            assert_eq!(written.split('/').next(), Some(&*number.to_string()));
        }
        Some(AskedPort::Number(protocol, number)) => {
            assert_eq!(written.to_uppercase(), format!("{number}/{protocol}"));
        }
        Some(AskedPort::Named(name)) => assert_eq!(name, written),
        Some(AskedPort::Service(_)) | None => {}
    }
    let explanation = explain(&DEMO, &Question { source, destination, port });
    is_tame(&explanation.summary);
    assert!(explanation.asked.is_superset(&explanation.ports), "{explanation:?}");
}
