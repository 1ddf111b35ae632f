#![no_main]
#![allow(missing_docs, reason = "the target's module says what holds")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| netintent_fuzz::git::check(data));
