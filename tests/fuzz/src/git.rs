//! What is said to git, and what its answers are read as.

use std::ffi::OsStr;
use std::path::Path;

use kubectl_netintent::git::{Asked, Listed, ObjectId, commit_of, contents, contents_of, list_of, listed, wanted};

const ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// Parts between zeros: a revision, a path, and then either what git may say or the names and contents of files.
pub fn check(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (revision, path) = (text(), text());
    let rest = parts.next().unwrap_or_default();
    revisions(&revision);
    for is_folder in [false, true] {
        // There is no folder without a name.
        if path.is_empty() && is_folder {
            continue;
        }
        if let Some(asked) = Asked::about(Path::new(&path), is_folder) {
            names(&path, &asked);
            listing(rest, &asked);
            files(rest, &asked);
        }
    }
    answers(rest);
}

/// A revision is never an option: git takes none after `--end-of-options`.
fn revisions(revision: &str) {
    let arguments = commit_of(revision);
    let Some((last, fixed)) = arguments.split_last() else { unreachable!("no arguments") };
    assert_eq!(fixed, ["rev-parse", "--verify", "--quiet", "--end-of-options"]);
    assert_eq!(last.to_str(), Some(&*format!("{revision}^{{commit}}")));
    // What git names is given back to it without such a guard.
    if let Some(id) = ObjectId::parse(revision) {
        assert_eq!(id.as_str(), revision);
        assert!(revision.len() >= 40 && revision.bytes().all(|b| b.is_ascii_hexdigit()), "{revision}");
    }
}

/// A path is a folder, and one name in it that git takes for neither an option nor a pattern.
fn names(path: &str, asked: &Asked) {
    let Some(commit) = ObjectId::parse(ID) else { unreachable!("it is one") };
    let arguments = list_of(&commit, asked);
    let Some((last, fixed)) = arguments.split_last() else { unreachable!("no arguments") };
    assert_eq!(fixed, ["--literal-pathspecs", "ls-tree", "-r", "-z", ID, "--"]);
    assert_eq!(last, &asked.name);
    assert!(!last.is_empty() && !last.to_string_lossy().contains('/') && last != "..", "{path:?}");
    assert!(!asked.folder.as_os_str().is_empty());
    let whole = if last == "." { asked.folder.clone() } else { asked.folder.join(last) };
    assert_eq!(whole.components().filter(dotless).collect::<Vec<_>>(), {
        Path::new(path).components().filter(dotless).collect::<Vec<_>>()
    });
}

fn dotless(component: &std::path::Component<'_>) -> bool {
    component.as_os_str() != "."
}

/// Of whatever a listing says, only objects of git are asked for, a line each.
fn listing(output: &[u8], asked: &Asked) {
    let found = listed(output, asked);
    let input = wanted(&found);
    assert_eq!(input.lines().count(), found.len());
    assert!(input.lines().all(|line| ObjectId::parse(line).is_some()), "{input:?}");
}

/// Files that git lists are found as their names say, and their contents are those that git gives.
fn files(rest: &[u8], asked: &Asked) {
    let parts: Vec<&[u8]> = rest.split(|byte| *byte == 0).collect();
    let (mut listing, mut answer) = (Vec::new(), Vec::new());
    let mut expected: Vec<(&str, &[u8])> = Vec::new();
    for pair in parts.chunks_exact(2) {
        let (Ok(name), content) = (std::str::from_utf8(pair[0]), pair[1]) else { continue };
        if name.is_empty() {
            continue;
        }
        listing.extend_from_slice(format!("100644 blob {ID}\t{name}\0").as_bytes());
        if is_manifest(name, &asked.name) {
            answer.extend_from_slice(format!("{ID} blob {}\n", content.len()).as_bytes());
            answer.extend_from_slice(content);
            answer.push(b'\n');
            expected.push((name, content));
        }
    }
    let found = listed(&listing, asked);
    let named: Vec<&str> = found.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(named, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let given = contents(&answer, &found);
    assert_eq!(given, Ok(expected.iter().map(|(_, content)| content.to_vec()).collect()));
    assert_eq!(contents_of(), ["cat-file", "--batch"]);
    // Half of an answer is none.
    if !answer.is_empty() {
        let half = &answer[..answer.len() / 2];
        assert!(contents(half, &found).is_err(), "{:?}", String::from_utf8_lossy(half));
    }
}

/// By the documentation: what ends in .yaml, .yml or .json, is no kustomization, and is not hidden; or what was named.
fn is_manifest(name: &str, asked: &OsStr) -> bool {
    if asked == name {
        return true;
    }
    let below = asked.to_str().and_then(|asked| name.strip_prefix(&format!("{asked}/"))).unwrap_or(name);
    if below.split('/').any(|part| part.starts_with('.')) {
        return false;
    }
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let stem = [".yaml", ".yml", ".json"].iter().find_map(|extension| last.strip_suffix(extension));
    stem.is_some_and(|stem| !stem.is_empty() && stem != "kustomization")
}

/// Whatever git answers, there is no more content than it gave.
fn answers(output: &[u8]) {
    let Some(id) = ObjectId::parse(ID) else { unreachable!("it is one") };
    let file = Listed { name: "a.yaml".to_owned(), id };
    if let Ok(found) = contents(output, &[file.clone(), file]) {
        assert!(found.iter().map(Vec::len).sum::<usize>() < output.len());
    }
}
