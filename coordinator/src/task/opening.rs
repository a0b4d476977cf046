//! What a run is opened with.

use orkestra_runtime::{
    fabric::BlobName,
    protocol::{agent::Artifact, payload::Json},
};
use serde::{Deserialize, Serialize};

/// What a run is opened with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOpening {
    /// The scenario's name; may be empty.
    #[serde(default)]
    pub scenario: String,
    /// The hash of the scenario; resuming with another is refused.
    #[serde(default)]
    pub scenario_hash: String,
    /// The hash of the pinned inputs; resuming with another is refused.
    #[serde(default)]
    pub input_hash: String,
    /// How many attempts of this run may be outstanding at once; none: as many as agents hold.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// Whether tasks begin as they come. A graph (the default) stays invisible until it is sealed.
    #[serde(default)]
    pub stream: bool,
    /// What whoever opened it wants to find again, e.g. its inputs.
    #[serde(default)]
    pub notes: Json,
    /// Whose run it is: what is paused and resumed together. Empty: the default namespace.
    #[serde(default)]
    pub namespace: String,
    /// The sealed blob with the key by which `input_hash` was made, where inputs are sensitive:
    /// without it the hash tells nothing of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_key: Option<BlobName>,
    /// The repositories that were shipped for it: they are kept as long as the run is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipped: Vec<Artifact>,
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::journal::blobs_named;

    use super::*;

    #[test]
    fn what_was_shipped_for_a_run_is_named_by_its_record_and_an_older_record_names_nothing() {
        let artifact = Artifact { name: "tidy".to_owned(), blob: BlobName::of(b"pack"), bytes: 4 };
        let opening = RunOpening { shipped: vec![artifact], ..RunOpening::default() };
        let named = |opening: &RunOpening| {
            let mut named = Vec::new();
            let stored = rmp_serde::to_vec_named(opening).unwrap();
            blobs_named(&stored, &mut |name| named.push(name)).unwrap();
            (named, rmp_serde::from_slice::<RunOpening>(&stored).unwrap())
        };
        assert_eq!(named(&opening), (vec![BlobName::of(b"pack")], opening));
        // Without the field, as it was before there was one.
        let older = RunOpening::default();
        assert_eq!(named(&older), (Vec::new(), older));
    }
}
