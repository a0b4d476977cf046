//! What the things of a cluster are called on NATS. Nothing else here builds a subject or the name
//! of a stream.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind, Result},
    fabric::{BlobName, Key, LogName},
};

/// The most bytes that a cluster's name has.
pub const CLUSTER_BYTES_MAX: usize = 32;

/// The names of one cluster.
#[derive(Clone, Debug)]
pub(super) struct Names {
    cluster: Arc<str>,
    /// What stands before every subject of the cluster, with its dot.
    pub(super) prefix: Arc<str>,
}

impl Names {
    /// A cluster's name has no `_`, so that no name of a log can make two clusters' streams alike.
    pub(super) fn new(cluster: &str) -> Result<Self> {
        let fits = (1..=CLUSTER_BYTES_MAX).contains(&cluster.len())
            && cluster.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            let shown: String = cluster.chars().take(40).collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{shown:?} cannot name a cluster: use 1 to 32 letters, digits and -"),
            ));
        }
        Ok(Self { cluster: cluster.into(), prefix: format!("ork.v1.{cluster}.").into() })
    }

    /// The stream of a log. Its sequence is the log's position.
    pub(super) fn journal(&self, log: &LogName) -> String {
        format!("ORK_JOURNAL_{}_{log}", self.cluster)
    }

    pub(super) fn journal_subject(&self, log: &LogName) -> String {
        format!("{}journal.{log}", self.prefix)
    }

    /// What stands before the questions to a store that another account opens.
    pub(super) fn opened_api(&self) -> String {
        format!("{}store", self.prefix)
    }

    /// The bucket of the registers, and the stream that keeps it.
    pub(super) fn state(&self) -> String {
        format!("KV_ORK_STATE_{}", self.cluster)
    }

    pub(super) fn state_subject(&self, key: &str) -> String {
        format!("$KV.ORK_STATE_{}.{key}", self.cluster)
    }

    /// The key of a subject of the bucket.
    pub(super) fn state_key(&self, subject: &str) -> Option<Key> {
        let bucket = subject.strip_prefix("$KV.ORK_STATE_")?;
        let key = bucket.strip_prefix(&*self.cluster)?.strip_prefix('.')?;
        Key::new(key).ok()
    }

    pub(super) fn blobs(&self) -> String {
        format!("ORK_BLOBS_{}", self.cluster)
    }

    /// A part of a blob, or what `*` and `>` make of it.
    pub(super) fn blob_subject(&self, blob: &str, part: &str) -> String {
        format!("{}blob.{blob}.{part}", self.prefix)
    }

    /// The blob that a subject belongs to.
    pub(super) fn blob_of(&self, subject: &str) -> Option<BlobName> {
        let rest = subject.strip_prefix(&*self.prefix)?.strip_prefix("blob.")?;
        rest.split('.').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_clusters_share_a_stream() {
        assert!(Names::new("a_b").is_err());
        assert!(Names::new("").is_err());
        assert!(Names::new("a.b").is_err());
        assert!(Names::new(&"a".repeat(CLUSTER_BYTES_MAX + 1)).is_err());
        let names = Names::new("main").unwrap();
        let log = LogName::new("shard-0").unwrap();
        assert_eq!(names.journal(&log), "ORK_JOURNAL_main_shard-0");
        assert_eq!(names.journal_subject(&log), "ork.v1.main.journal.shard-0");
    }

    #[test]
    fn a_subject_of_another_bucket_is_no_key() {
        let names = Names::new("main").unwrap();
        let key = names.state_key(&names.state_subject("node.a"));
        assert_eq!(key, Some(Key::new("node.a").unwrap()));
        assert_eq!(names.state_key("$KV.ORK_STATE_main2.node.a"), None);
        assert_eq!(names.state_key("$KV.ORK_STATE_main.node a"), None);
    }
}
