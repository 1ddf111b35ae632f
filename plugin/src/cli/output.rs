//! How an answer is printed.

use clap::builder::EnumValueParser;
use clap::{Args, ValueEnum};

/// In one of these formats: a table, unless the command says otherwise by `mut_arg`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output<F = Format>
where
    F: ValueEnum + Clone + Send + Sync + 'static,
{
    #[arg(
        short = 'o',
        long = "output",
        id = "output",
        value_name = "FORMAT",
        help = help::<F>(),
        value_parser = EnumValueParser::<F>::new(),
        default_value = "table",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) format: F,
}

/// A format of most answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Wide,
    Name,
    Json,
    Yaml,
    Markdown,
}

/// Names all formats, as they are typed.
fn help<F: ValueEnum>() -> String {
    let values = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let mut all: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    let last = all.pop().unwrap_or_default();
    format!("The format: {} or {last}", all.join(", "))
}
