//! Frames between nodes.

use std::fmt::Debug;

use orkestra_runtime::{
    protocol::agent::{FromAgent, ToAgent},
    wire::{self, Wire},
};

use super::target::{Said, Target, attack, refused};

/// The frames that a released version wrote.
fn released(name: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/kept/{name}.v3.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let digit = |hex: &str, at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let frame = |hex: &str| (0..hex.len()).step_by(2).map(|at| digit(hex, at)).collect();
    text.lines().map(|line| frame(line.split_once(' ').unwrap().1)).collect()
}

/// A frame that is read is one that this program could have written, to the last byte.
fn look<W: Wire + Debug + PartialEq>(frame: &[u8]) -> Said {
    match wire::decode::<W>(frame) {
        Ok(said) => {
            assert_eq!(&wire::encode(&said).unwrap()[..], frame, "another spelling of {said:?}");
            Said::Read
        }
        Err(error) => refused(&error),
    }
}

#[test]
fn frames_to_agents() {
    attack!(Target::of("frames-to-agents", released("agent.to")), look::<ToAgent>);
}

#[test]
fn frames_from_agents() {
    attack!(Target::of("frames-from-agents", released("agent.from")), look::<FromAgent>);
}
