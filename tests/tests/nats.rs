//! What becomes of the fabric when NATS servers die, come back, are full, or carry junk.

#![expect(clippy::unwrap_used, reason = "what cannot be set up ends the test")]

mod nats {
    mod lost;
    mod refused;
    mod stage;
}
