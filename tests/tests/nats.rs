//! What becomes of the fabric when NATS servers die, come back, are full, or carry junk.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be set up ends the test")]

mod nats {
    mod cluster;
    mod junk;
    mod lost;
    mod refused;
    mod stage;
}
