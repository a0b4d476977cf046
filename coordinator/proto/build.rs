//! Compiles the messages and services. The compiler of the protocol is a library: a fresh machine
//! needs no program beside cargo.

use std::{env, error::Error, path::PathBuf};

/// The files, below the folder that they name each other from.
const FILES: [&str; 2] = ["orchestrator/v1/orchestrator.proto", "orkestra/v1/orkestra.proto"];
/// That folder.
const FOLDER: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={FOLDER}");
    let described = protox::compile(FILES, [FOLDER])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    tonic_prost_build::configure()
        .build_transport(false)
        .file_descriptor_set_path(out.join("descriptor.bin"))
        // Maps are told in the order of their keys: the same answer is the same bytes.
        .btree_map(".")
        .compile_fds(described.clone())?;
    // With the comments left out it is what a client asks for by reflection.
    let bytes = protox::prost::Message::encode_to_vec(&described);
    std::fs::write(out.join("descriptor.bin"), bytes)?;
    Ok(())
}
