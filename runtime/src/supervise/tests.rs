//! Supervision on real actors.

mod lifecycle;
mod otp;
mod stage;
mod storm;
mod telling;
mod traps;
