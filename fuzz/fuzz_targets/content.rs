#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| corsgate_fuzz::content::run(data));
