//! What is said over gRPC: messages and services, as they are written in `proto/`.
//!
//! Promises: the field numbers of [`orchestrator::v1`] are those of its public table and never
//! change; [`DESCRIPTOR`] describes both packages, so that a server can tell any client what it
//! understands.

/// The service that improves one answer with several minds, and what belongs to it.
pub mod orchestrator {
    /// Its first version.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        clippy::nursery,
        clippy::restriction,
        rustdoc::all,
        reason = "it is made from the .proto file, which has the comments"
    )]
    pub mod v1 {
        tonic::include_proto!("orchestrator.v1");
    }
}

/// The services that are Orkestra's own: tasks, locks, votes, events, status.
pub mod orkestra {
    /// Their first version.
    #[allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        clippy::nursery,
        clippy::restriction,
        rustdoc::all,
        reason = "it is made from the .proto file, which has the comments"
    )]
    pub mod v1 {
        tonic::include_proto!("orkestra.v1");
    }
}

/// Both packages as a set of file descriptors, for reflection.
pub const DESCRIPTOR: &[u8] = tonic::include_file_descriptor_set!("descriptor");
