//! Completion of what is typed, as kubectl asks plugins for it: by a program `kubectl_complete-netintent`, which is this one by
//! another name. It gets the words so far, prints what the last one may become, a line each, and then how to go on.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/>

mod names;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use netintent::mode::Mode;

use crate::cli::{Cli, Connection, Input};
use crate::printer;
use names::{Home, Names};

/// The name that kubectl calls.
const PROGRAM: &str = "kubectl_complete-netintent";

/// How to go on, in the numbers of cobra's shell scripts: not with a space, not with files.
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;

/// Whether the program was called to complete.
pub(crate) fn is_asked(program: &OsStr) -> bool {
    std::path::Path::new(program).file_stem().is_some_and(|name| name == PROGRAM)
}

/// Prints what the last of the words may become. Where that can't be known, say since there is no cluster, it is nothing.
pub(crate) fn run(words: &[OsString]) -> ExitCode {
    let Some(index) = words.len().checked_sub(1).filter(|index| *index > 0) else { return ExitCode::SUCCESS };
    let asked = Arc::new(Asked { home: home(&words[..index]), files: AtomicBool::new(false) });
    let mut command = with_names(&asked);
    let found = complete(&mut command, words.to_vec(), index, None).unwrap_or_default();
    // As kubectl offers flags: to who begins to write one.
    let flags = words[index].to_string_lossy().starts_with('-');
    let found: Vec<CompletionCandidate> = found
        .into_iter()
        .filter(|candidate| flags || !candidate.get_value().to_string_lossy().starts_with('-'))
        .collect();
    let lines = printed(&found, asked.files.load(Ordering::Relaxed));
    let mut out = printer::data();
    match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn printed(found: &[CompletionCandidate], files: bool) -> String {
    let mut lines = String::new();
    let mut how = if files { 0 } else { NO_FILES };
    for candidate in found.iter().filter(|candidate| !candidate.is_hide_set()) {
        let value = candidate.get_value().to_string_lossy();
        if value.ends_with(['/', '=']) {
            how |= NO_SPACE;
        }
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        let _ = if help.is_empty() { writeln!(lines, "{value}") } else { writeln!(lines, "{value}\t{help}") };
    }
    let _ = writeln!(lines, ":{how}");
    lines
}

/// What is known of the question.
struct Asked {
    home: Home,
    /// A file is what comes next, which the shell knows better.
    files: AtomicBool,
}

/// Where names are looked for, by the words before; what is amiss in them is passed over.
fn home(before: &[OsString]) -> Home {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(before);
    let of_command = |matches: &ArgMatches| {
        let (_, mut matches) = matches.subcommand()?;
        while let Some((_, below)) = matches.subcommand() {
            matches = below;
        }
        // Of what a command has no such arguments, it is a mistake to ask.
        let has = |argument: &str| matches.try_contains_id(argument).is_ok();
        let connection = if has("kubeconfig") { Connection::from_arg_matches(matches).ok()? } else { return None };
        let input = if has("files") { Input::from_arg_matches(matches).ok() } else { None };
        let namespace = matches.try_get_one::<String>("namespace").ok().flatten().cloned();
        Some(Home { input, connection, namespace })
    };
    matches.ok().as_ref().and_then(of_command).unwrap_or_default()
}

/// The command line, with what its arguments may be.
fn with_names(asked: &Arc<Asked>) -> Command {
    named(Cli::command(), asked)
}

/// A command and those below it.
fn named(command: Command, asked: &Arc<Asked>) -> Command {
    command.mut_args(|arg| with_completer(arg, asked)).mut_subcommands(|command| named(command, asked))
}

fn with_completer(arg: Arg, asked: &Arc<Asked>) -> Arg {
    let what = match arg.get_id().as_str() {
        "caller" | "from" => What::Callers,
        "callee" | "to" => What::Callees,
        "services" => What::Services,
        "subject" => What::Subjects,
        "target" => What::Modes,
        "namespace" => What::Namespaces,
        "files" | "base" | "also" | "write" | "kubeconfig" => What::Files,
        _ => return arg,
    };
    let asked = Arc::clone(asked);
    arg.add(ArgValueCompleter::new(move |current: &OsStr| candidates(what, current, &asked)))
}

#[derive(Clone, Copy)]
enum What {
    Callers,
    Callees,
    Services,
    /// What has a mode: a namespace, or one of its Services.
    Subjects,
    Modes,
    Namespaces,
    Files,
}

fn candidates(what: What, current: &OsStr, asked: &Asked) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    if matches!(what, What::Files) {
        asked.files.store(true, Ordering::Relaxed);
        return Vec::new();
    }
    if matches!(what, What::Modes) {
        let modes = [Mode::Enforce, Mode::Shadow, Mode::Off].map(Mode::as_str);
        return modes.into_iter().filter(|mode| mode.starts_with(current)).map(CompletionCandidate::new).collect();
    }
    let Some(names) = Names::of(&asked.home) else { return Vec::new() };
    let found = match what {
        What::Callers => names.workloads(current),
        What::Callees => names.callees(current),
        What::Services => names.services(current),
        What::Subjects if current.contains('/') => names.services(current),
        What::Subjects | What::Namespaces | What::Files | What::Modes => names.namespaces(),
    };
    found.into_iter().filter(|text| text.starts_with(current)).map(CompletionCandidate::new).collect()
}
