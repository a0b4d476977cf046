//! Stories of the door, over real sockets.

mod cancelled;
mod councils;
mod credentials;
mod events;
mod limits;
mod own;
mod refused;
mod stage;
