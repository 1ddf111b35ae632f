//! `snapshot`: a cluster in a file.

use std::io::Write as _;

use netintent::manifest::SNAPSHOT;
use netintent::unread::{Extent, Unread};
use serde_json::{Value, json};

use crate::cli::{Snapshot, SnapshotFormat};
use crate::error::{Result, Status};
use crate::printer;
use crate::render::items::Items;
use crate::source;

pub(super) fn run(args: &Snapshot) -> Result<Status> {
    let (nodes, unread) = source::nodes(&args.connection)?;
    let mut out = printer::data();
    let mut items = match args.output.format {
        SnapshotFormat::Yaml => Items::yaml(&mut out, SNAPSHOT)?,
        SnapshotFormat::Json => Items::json(&mut out, SNAPSHOT)?,
    };
    nodes.iter().try_for_each(|node| items.item(node))?;
    let taken = jiff::Timestamp::now().to_string();
    items.finish(&[("taken", taken.into()), ("unread", unread.iter().map(view).collect())])?;
    out.flush()?;
    Ok(if unread.is_empty() { Status::Yes } else { Status::Trouble })
}

fn view(unread: &Unread) -> Value {
    let mut view = json!({"group": unread.group, "kind": unread.kind, "why": unread.why});
    match &unread.extent {
        Extent::AllBut(read) => view["allBut"] = read.iter().map(String::as_str).collect(),
        Extent::One(namespace, name) => {
            view["namespace"] = namespace.as_str().into();
            view["name"] = name.as_str().into();
        }
    }
    view
}
