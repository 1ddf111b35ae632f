//! Every metric that the documentation names is there, and every one that is there is in the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::Result;
use crate::scrapes::root;

/// The metrics of the table in docs/webhook.md.
pub(crate) fn named() -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(root().join("docs/webhook.md"))?;
    let section = text.split_once("\n## Metrics\n").ok_or("no section Metrics")?.1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').filter(|name| name.starts_with("netintent_")));
    Ok(names.map(str::to_owned).collect())
}

/// The metrics of a scrape, by the names that the documentation has, with the sum of their samples.
pub(crate) fn exported(scrape: &str) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for line in scrape.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let name = match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            };
            all.entry(name).or_insert(0.0);
        } else if let Some((series, value)) = line.rsplit_once(' ') {
            let name = series.split('{').next().unwrap_or_default();
            let name = name.strip_suffix("_count").unwrap_or(name);
            if let (Some(sum), Ok(value)) = (all.get_mut(name), value.parse::<f64>()) {
                *sum += value;
            }
        }
    }
    all
}

#[test]
fn a_scrape_is_read() {
    let text = "# HELP a x\n# TYPE a counter\na_total{b=\"c d\"} 2\na_total 3\n# TYPE h histogram\nh_sum 1\nh_count 7\n\
        h_bucket{le=\"1\"} 7\n# TYPE g gauge\ng 0.5\n# TYPE build info\nbuild_info{v=\"1\"} 1\n# EOF\n";
    let expected = [("a_total", 5.0), ("build_info", 1.0), ("g", 0.5), ("h", 7.0)];
    assert_eq!(exported(text), expected.map(|(name, value)| (name.to_owned(), value)).into());
}
