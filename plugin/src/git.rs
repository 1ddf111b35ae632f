//! What git is asked, and what its answers say: text alone. `source` runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::source::{MAX_FILE, is_manifest};

/// A path as git is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The folder that git runs in. It must exist, though the file may be gone; git's paths are relative to it.
    pub folder: PathBuf,
    /// The path from there: a name, or `.` for the folder itself.
    pub name: OsString,
}

impl Asked {
    /// About `path`, which is a folder now or not; `None` where it names nothing that could be in a folder.
    pub fn about(path: &Path, is_folder: bool) -> Option<Self> {
        if is_folder {
            return Some(Self { folder: path.to_owned(), name: ".".into() });
        }
        let name = path.file_name()?.to_owned();
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(Self { folder: folder.to_owned(), name })
    }
}

/// The name that git gives an object: no word of the user's, and no option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectId(String);

impl ObjectId {
    /// Reads 40 hexadecimal digits, or the 64 of a repository with SHA-256.
    pub fn parse(text: &str) -> Option<Self> {
        let good = [40, 64].contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(text.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Asks which commit a revision means. The answer is an [`ObjectId`] and a newline.
pub fn commit_of(revision: &str) -> Vec<OsString> {
    // What looks like an option is none.
    let spec = format!("{revision}^{{commit}}");
    ["rev-parse", "--verify", "--quiet", "--end-of-options", &spec].map(OsString::from).into()
}

/// Asks what a commit has under a name. The answer is read by [`listed`].
pub fn list_of(commit: &ObjectId, asked: &Asked) -> Vec<OsString> {
    // A name such as `:(top)a.yaml` is a name: it leads nowhere else in the repository.
    let fixed = ["--literal-pathspecs", "ls-tree", "-r", "-z", commit.as_str(), "--"];
    fixed.map(OsString::from).into_iter().chain([asked.name.clone()]).collect()
}

/// Asks for objects. The input is [`wanted`], the answer is read by [`contents`].
pub fn contents_of() -> Vec<OsString> {
    ["cat-file", "--batch"].map(OsString::from).into()
}

/// A manifest that a commit has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path from the folder that git ran in.
    pub name: String,
    /// Its content.
    pub id: ObjectId,
}

/// The manifests in a listing: the file that was asked about whatever its name; of a folder what is one by its name.
/// Neither a submodule nor a link has a manifest's text.
pub fn listed(output: &[u8], asked: &Asked) -> Vec<Listed> {
    let whole = asked.name.to_string_lossy();
    let mut found = Vec::new();
    for record in output.split(|b| *b == 0) {
        let record = String::from_utf8_lossy(record);
        let Some((meta, name)) = record.split_once('\t') else { continue };
        let mut meta = meta.split(' ');
        let (mode, id) = (meta.next().unwrap_or_default(), meta.nth(1).and_then(ObjectId::parse));
        // The folder may be gone by now, and was asked about as if it were a file.
        let below = name.strip_prefix(&*whole).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        let hidden = || below.split('/').any(|part| part.starts_with('.'));
        let wanted = name == whole || (!hidden() && is_manifest(Path::new(name)));
        if let Some(id) = id.filter(|_| wanted && mode.starts_with("100")) {
            found.push(Listed { name: name.to_owned(), id });
        }
    }
    found
}

/// The names of objects as git takes them, one a line.
pub fn wanted(files: &[Listed]) -> String {
    files.iter().flat_map(|file| [file.id.as_str(), "\n"]).collect()
}

/// The content of each file, in their order.
///
/// # Errors
/// The first file whose content is not there, or too large.
pub fn contents(output: &[u8], files: &[Listed]) -> Result<Vec<Vec<u8>>, String> {
    let mut rest = output;
    let mut found = Vec::with_capacity(files.len());
    for Listed { name, id } in files {
        let broken = || format!("git did not give the content of {name}");
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(broken)?;
        let header = String::from_utf8_lossy(&rest[..end]);
        let size = header.strip_prefix(id.as_str()).and_then(|header| header.strip_prefix(" blob "));
        let size: u64 = size.and_then(|size| size.parse().ok()).ok_or_else(broken)?;
        if size > MAX_FILE {
            return Err(format!("{name} has more than {} MiB, the most that is read", MAX_FILE >> 20));
        }
        let size = usize::try_from(size).map_err(|_| broken())?;
        let content = rest.get(end + 1..end + 1 + size).ok_or_else(broken)?;
        found.push(content.to_vec());
        rest = rest.get(end + 2 + size..).unwrap_or_default();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn names(listing: &str, path: &str, is_folder: bool) -> Vec<String> {
        let asked = Asked::about(Path::new(path), is_folder).unwrap();
        listed(listing.replace("ID", ID).as_bytes(), &asked).into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn a_path_is_a_name_in_a_folder() {
        let about = |path: &str| Asked::about(Path::new(path), false).map(|a| (a.folder, a.name));
        assert_eq!(about("a.yaml"), Some((".".into(), "a.yaml".into())));
        assert_eq!(about("deploy/-x.yaml"), Some(("deploy".into(), "-x.yaml".into())));
        assert_eq!((about(""), about("gone/..")), (None, None));
    }

    #[test]
    fn of_a_folder_manifests_are_found_and_a_file_by_any_name() {
        let listing = "100644 blob ID\ta.yaml\x00120000 blob ID\tlink.yaml\x00160000 commit ID\tb.yaml\0\
                       100755 blob ID\tc/d.json\x00100644 blob ID\t.hidden/e.yaml\x00100644 blob ID\tREADME\0";
        assert_eq!(names(listing, "deploy", true), ["a.yaml", "c/d.json"]);
        assert_eq!(names("100644 blob ID\t.values\0", ".values", false), [".values"]);
        assert_eq!(
            names("100644 blob ID\t.gone/a.yaml\x00100644 blob ID\t.gone/.b.yaml\0", ".gone", false),
            [".gone/a.yaml"]
        );
    }

    #[test]
    fn only_an_object_of_git_is_asked_for() {
        assert!(ObjectId::parse(ID).is_some());
        for text in ["", "HEAD", "--batch-all-objects", &format!("^{ID}"), &format!("{ID}\n"), &ID.to_uppercase()] {
            assert_eq!(ObjectId::parse(text), None, "{text}");
        }
        assert_eq!(names("100644 blob HEAD\ta.yaml\0", "a.yaml", false), [""; 0]);
    }

    #[test]
    fn contents_are_those_that_were_asked_for() {
        let file = |name: &str| Listed { name: name.into(), id: ObjectId::parse(ID).unwrap() };
        let answer = format!("{ID} blob 3\na\nb\n{ID} blob 0\n\n");
        assert_eq!(contents(answer.as_bytes(), &[file("a"), file("b")]).unwrap(), [&b"a\nb"[..], b""]);
        let missing = Err("git did not give the content of a".to_owned());
        for answer in ["", &format!("{ID} missing\n"), &format!("{ID} blob 9\na\n"), &answer.replace("0123", "3210")] {
            assert_eq!(contents(answer.as_bytes(), &[file("a")]), missing, "{answer}");
        }
        let large = contents(format!("{ID} blob 99999999999\n").as_bytes(), &[file("a")]);
        assert_eq!(large.unwrap_err(), "a has more than 256 MiB, the most that is read");
    }
}
