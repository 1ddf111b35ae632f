//! The lines that a change takes out of a file and puts into it.

use std::io::{self, Write};

use netintent::names::printable;

use crate::printer::{BAD, GOOD, styled};

/// How many pairs of lines are compared: beyond, all that is not alike at both ends counts as changed.
const MOST: usize = 4_000_000;

/// Prints the lines that differ, each with its number in the text it is in.
pub(crate) fn lines(out: &mut dyn Write, before: &str, after: &str) -> io::Result<()> {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let end = a[start..].iter().rev().zip(b[start..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (middle_a, middle_b) = (&a[start..a.len() - end], &b[start..b.len() - end]);
    let mut found = differences(middle_a, middle_b);
    found.iter_mut().for_each(|(_, at)| *at += start);
    slide(&mut found, &a, &b);
    for (is_added, at) in found {
        let (sign, text, style) = if is_added { ('+', b[at], GOOD) } else { ('-', a[at], BAD) };
        writeln!(out, "{}", styled(style, &format!("{sign}{:>5}  {}", at + 1, printable(text))))?;
    }
    Ok(())
}

/// Moves each run of lines up as long as it then says the same: documents that begin alike are told apart at the separator
/// before them.
fn slide(found: &mut [(bool, usize)], a: &[&str], b: &[&str]) {
    let mut floor = 0;
    while floor < found.len() {
        let (is_added, first) = found[floor];
        let text = if is_added { b } else { a };
        let run = found[floor..].iter().zip(first..).take_while(|(one, at)| **one == (is_added, *at)).count();
        // What stands beside a run of the other kind is a change, and has its place.
        let alone = |at: usize| found.get(at).is_none_or(|(other, _)| *other == is_added);
        let before = floor.checked_sub(1).filter(|at| found[*at].0 == is_added).map_or(0, |at| found[at].1 + 1);
        if alone(floor + run) && (floor == 0 || alone(floor - 1)) {
            let up =
                (before..first).rev().zip((0..first + run).rev()).take_while(|(x, y)| text[*x] == text[*y]).count();
            found[floor..floor + run].iter_mut().for_each(|(_, at)| *at -= up);
        }
        floor += run;
    }
}

/// Which lines are in one alone, in order: of `b` if true, and which.
fn differences(a: &[&str], b: &[&str]) -> Vec<(bool, usize)> {
    // The length of what the rests from each pair of lines on have in common.
    let width = b.len() + 1;
    let small = a.len().checked_mul(b.len()).is_some_and(|pairs| pairs <= MOST);
    let mut common: Vec<u32> = vec![0; if small { (a.len() + 1) * width } else { 0 }];
    if small {
        for (i, x) in a.iter().enumerate().rev() {
            for (j, y) in b.iter().enumerate().rev() {
                let longest = common[(i + 1) * width + j].max(common[i * width + j + 1]);
                common[i * width + j] = if x == y { common[(i + 1) * width + j + 1] + 1 } else { longest };
            }
        }
    }
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if small && i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || !small || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            found.push((false, i));
            i += 1;
        } else {
            found.push((true, j));
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let told = |a: &str, b: &str| {
            let mut out = Vec::new();
            lines(&mut out, a, b).unwrap();
            anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
        };
        assert_eq!(told("a\nb\nc\n", "a\nc\n"), "-    2  b\n");
        assert_eq!(told("a\n[b, c]\nd\n", "a\n[c]\nd\ne\n"), "-    2  [b, c]\n+    2  [c]\n+    4  e\n");
        assert_eq!(told("x\n---\na\nb\n---\na\nc\n", "x\n---\na\nc\n"), "-    2  ---\n-    3  a\n-    4  b\n");
        assert_eq!(told("a\na\na\n", "a\n"), "-    1  a\n-    2  a\n");
        assert_eq!(told("", "a\n"), "+    1  a\n");
        assert_eq!(told("a\n", "a\n"), "");
    }
}
