//! The door for clients over gRPC, as a command opens it.

use std::sync::Arc;

use orkestra_runtime::Result;

use super::settings::Settings;
use crate::{
    config::GrpcListen,
    grpc::{Door, Settings as DoorSettings},
    output::{Console, Format},
};

/// What a door is told as, to programs.
pub(super) const LISTENING: &str = "listening";
/// The field of that which says what listens, and what it says there.
pub(super) const WHAT: (&str, &str) = ("what", "grpc");

/// Takes the address at which clients come in over gRPC, if there is one, and tells which it is.
pub(super) fn grpc(
    typed: Option<&str>,
    settings: &Settings,
    console: &mut Console,
) -> Result<Option<Arc<Door>>> {
    let typed = typed.map(GrpcListen::typed).transpose()?.and_then(|listen| listen.0);
    let Some(wanted) = DoorSettings::of(&settings.config, typed)? else { return Ok(None) };
    let is_open_to_all = wanted.insecure && !wanted.listen.ip().is_loopback();
    let door = Door::bind(wanted)?;
    let address = door.address();
    let sealed = if door.has_tls() { " (TLS)" } else { "" };
    console.say(format!("gRPC is at {address}{sealed}"))?;
    if is_open_to_all {
        console.warn("grpc.insecure: who can reach this address may come in over gRPC")?;
    }
    if console.format() == Format::Ndjson {
        console.line(&serde_json::json!({
            "event": LISTENING,
            WHAT.0: WHAT.1,
            "address": address.to_string(),
        }))?;
    }
    Ok(Some(Arc::new(door)))
}
