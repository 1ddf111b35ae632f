//! What somebody sees who sits at a terminal: questions, colours, and tables that fit.

use std::process::Command;

use netintent_tests::objects::{approval, create, path};
use netintent_tests::{Installed, Terminal, plugin_binary};

use crate::Result;
use crate::plugin::{shared, until_said, workload};

fn command(installed: &Installed, args: &[&str]) -> Result<Command> {
    let kubectl = installed.admin().kubectl().with_plugin(&plugin_binary()?)?;
    let mut command = kubectl.command(["netintent"].iter().chain(args));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("CLICOLOR");
    Ok(command)
}

#[test]
fn whoever_sits_there_is_asked() -> Result {
    let installed = shared()?;
    let admin = installed.admin();
    for namespace in ["desk", "drawer"] {
        installed.namespace(namespace, "enforce")?;
    }
    create(admin, &approval("drawer", "web", &["desk/web"], &["pen:rpc"]))?;
    admin.kubectl().pipe(["apply", "-f", "-"], &workload("drawer", "pen", ""))?;
    admin.kubectl().pipe(["apply", "-f", "-"], &workload("desk", "web", "drawer/pen:rpc"))?;
    let call = ["explain", "desk/web", "drawer/pen:rpc"];
    until_said(installed, admin.kubectl(), &call, |said| said.status == Some(0))?;

    let revoke = ["revoke", "desk/web", "--to", "drawer/pen:rpc", "--apply", "--reason", "nobody writes"];
    for (answer, status) in [("n", 2), ("", 2), ("yes please", 2), ("y", 0)] {
        let mut terminal = Terminal::run(&mut command(installed, &revoke)?, 100)?;
        let asked = terminal.until("[y/N] ")?;
        assert!(asked.contains("desk/web"), "who loses it is told first: {asked}");
        let there = admin.get(&format!("{}/web", path("Approval", "drawer")))?;
        assert!(there.is_success(), "before the answer nothing is done: {there:?}");
        terminal.types(answer)?;
        let (ended, written) = terminal.ends()?;
        assert_eq!(ended.code(), Some(status), "{answer}: {written}");
        let there = admin.get(&format!("{}/web", path("Approval", "drawer")))?.is_success();
        assert_eq!(there, status != 0, "{written}");
    }
    until_said(installed, admin.kubectl(), &call, |said| said.status == Some(1))?;
    Ok(())
}

#[test]
fn colours_and_widths_are_those_of_the_terminal() -> Result {
    let installed = shared()?;
    let admin = installed.admin();
    installed.namespace("gallery", "off")?;
    let name = "a-name-of-some-letters";
    admin.kubectl().pipe(["apply", "-f", "-"], &workload("gallery", name, "gallery/none:rpc"))?;
    let explain = ["explain", &format!("gallery/{name}"), &format!("gallery/{name}:rpc")];
    until_said(installed, admin.kubectl(), &explain, |said| said.status == Some(0))?;
    for (variable, value, coloured) in [("X", "", true), ("NO_COLOR", "1", false), ("NO_COLOR", "", true)] {
        let terminal = Terminal::run(command(installed, &explain)?.env(variable, value), 100)?;
        let (_, written) = terminal.ends()?;
        // Lines of progress are taken back by `[K`.
        let styled = written
            .split("\u{1b}[")
            .skip(1)
            .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
        assert_eq!(styled, coloured, "{variable}={value}: {written}");
    }
    for columns in [50, 120, 200] {
        let list = ["list", "-n", "gallery", "-o", "wide"];
        let (ended, written) = Terminal::run(command(installed, &list)?.env("NO_COLOR", "1"), columns)?.ends()?;
        assert!(ended.success() && written.contains("SOURC"), "{written}");
        // Lines of progress are taken back, and are no part of the table.
        let lines = written.lines().map(|line| line.rsplit("\u{1b}[K").next().unwrap_or_default());
        let widest = lines.map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
        assert!(widest <= usize::from(columns), "{columns}: {written}");
        // Where names have room, none is in two pieces.
        assert!(columns < 120 || written.contains(&format!("gallery/{name}")), "{columns}: {written}");
    }
    Ok(())
}
