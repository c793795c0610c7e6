//! Where the program looks for llama.cpp's libraries if it is built with them apart: beside itself.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if std::env::var_os("CARGO_FEATURE_PORTABLE").is_some() {
        let beside = if os == "macos" { "@loader_path" } else { "$ORIGIN" };
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{beside}");
    }
}
