//! With --wait the command itself closes what it has opened, and nothing else.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use netintent_tests::{Error, plugin_binary};
use serde_json::{Value, json};

use super::{Night, left};
use crate::Result;

/// Whoever runs the tests may have programs ignore that the terminal is lost.
const HEARS: [&str; 2] = ["env", "--default-signal=HUP"];
const OPEN: [&str; 8] = ["netintent", "recover", "open", "bank/ledger", "--for", "1h", "--wait", "--yes"];

pub(super) fn closes_what_it_opened(night: &Night) -> Result {
    let said = night.done(&["recover", "open", "bank/ledger", "--for", "2s", "--wait", "--yes"])?;
    assert!(said.err.contains("done: Service bank/ledger is closed"), "{said:?}");
    assert!(night.is_as_before()?);
    // Who wants no more of it before its time, or loses the terminal, closes it as well.
    for signal in ["-INT", "-TERM", "-HUP"] {
        let mut waiting = Waiting::begin(night, &HEARS)?;
        assert!(!night.is_as_before()?);
        waiting.send(signal)?;
        let (status, said) = waiting.ends(night)?;
        assert!(status == Some(0) && night.is_as_before()?, "{signal}: {said}");
    }
    // Whoever says that a lost terminal is to end nothing is heard.
    let mut waiting = Waiting::begin(night, &["nohup"])?;
    waiting.send("-HUP")?;
    // Somebody has it open for longer: that is theirs.
    night.done(&["recover", "open", "bank/ledger", "--for", "3h", "--yes"])?;
    assert!(waiting.child.try_wait()?.is_none());
    waiting.send("-TERM")?;
    let (status, said) = waiting.ends(night)?;
    assert!(said.contains("Service bank/ledger stays open until") && !said.contains("is closed"), "{said}");
    assert!(status == Some(2) && !night.is_as_before()?);
    night.done(&["recover", "undo", "--yes"])?;
    keeps_trying(night)
}

/// Somebody holds it: it is tried again, which a second end of the terminal does not stop, until it can be.
fn keeps_trying(night: &Night) -> Result {
    let admin = night.installed.admin();
    for (signals, let_go) in [(["-TERM", "-TERM"], true), (["-INT", "-INT"], false)] {
        let mut waiting = Waiting::begin(night, &HEARS)?;
        left::finalize(admin, "ledger", &json!(["example.dev/keep"]))?;
        let [first, second] = signals;
        waiting.send(first)?;
        let tried = waiting.said.by_ref().find(|line| line.as_ref().is_ok_and(|line| line.contains("tried again in")));
        assert!(tried.is_some());
        waiting.send(second)?;
        if let_go {
            left::finalize(admin, "ledger", &Value::Null)?;
        }
        let (status, said) = waiting.ends(night)?;
        assert_eq!((status, night.is_as_before()?), if let_go { (Some(0), true) } else { (Some(2), false) }, "{said}");
        if !let_go {
            assert!(said.contains("everybody may still call Service bank/ledger"), "{said}");
            left::finalize(admin, "ledger", &Value::Null)?;
        }
    }
    Ok(())
}

/// A command that has opened a Service, and waits.
struct Waiting {
    child: Child,
    said: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Waiting {
    /// Begins it below another program, which becomes it.
    fn begin(night: &Night, below: &[&str]) -> std::result::Result<Self, Box<dyn std::error::Error>> {
        let plugin = night.installed.admin().kubectl().with_plugin(&plugin_binary()?)?;
        let of = plugin.command(OPEN);
        let mut command = Command::new(below[0]);
        command.args(&below[1..]).arg(of.get_program()).args(of.get_args()).stdin(Stdio::null()).stdout(Stdio::null());
        for (key, value) in of.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(child.stderr.take().ok_or("no stderr")?).lines();
        // What it says then it says once it waits.
        let waits = said.by_ref().find(|line| line.as_ref().is_ok_and(|line| line.contains("Ctrl-C closes it now")));
        assert!(waits.is_some());
        Ok(Self { child, said })
    }

    fn send(&self, signal: &str) -> Result {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status()?.success());
        Ok(())
    }

    /// Waits for its end, and gives what it said last.
    fn ends(&mut self, night: &Night) -> std::result::Result<(Option<i32>, String), Box<dyn std::error::Error>> {
        let child = &mut self.child;
        let client = |error: std::io::Error| Error::Client { what: error.to_string() };
        let status = night.installed.until("it ends", || child.try_wait().map_err(client))?;
        let said: Vec<String> = self.said.by_ref().map_while(std::result::Result::ok).collect();
        Ok((status.code(), said.join("\n")))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
