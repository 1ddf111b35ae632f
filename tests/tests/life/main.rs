//! The webhook as something that runs for years: its authority, its end, and what it tells those who watch over it.

mod alerts;
mod authority;
mod crowd;
mod documented;
mod ending;
mod healing;
mod scrapes;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
