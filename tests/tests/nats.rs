//! NATS for real: the servers that tests bring and the trouble between, what becomes of the fabric
//! when servers die, come back, are full, or carry junk, and who may do what by the configuration
//! that is shipped.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot be set up ends the test"
)]

mod nats {
    mod access;
    mod cluster;
    mod credentials;
    mod drained;
    mod inbox;
    mod junk;
    mod locks;
    mod lost;
    mod nodes;
    mod planning;
    mod proxy;
    mod refused;
    mod roles;
    mod servers;
    mod stage;
}
