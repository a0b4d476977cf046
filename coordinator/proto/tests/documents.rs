//! What the manual tells people to send, held against what is understood.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::{fs, path::Path};

use orkestra_proto::DESCRIPTOR;
use prost_reflect::{DescriptorPool, DynamicMessage};

/// What is asked of every server, and is not ours.
const OF_OTHERS: &str = "grpc.";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn every_call_of_the_manual_is_understood() {
    let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
    let (manual, mut count) = (read("docs/grpc.md"), 0);
    for line in manual.lines().filter(|line| line.starts_with("grpcurl ")) {
        let Some((service, method)) = line.rsplit(' ').next().unwrap().split_once('/') else {
            continue;
        };
        if service.starts_with(OF_OTHERS) {
            continue;
        }
        let service = pool.get_service_by_name(service).expect(line);
        let method = service.methods().find(|known| known.name() == method).expect(line);
        let body = line.split_once("-d '").unwrap().1.split_once("' ").unwrap().0;
        let mut reader = serde_json::Deserializer::from_str(body);
        let sent = DynamicMessage::deserialize(method.input(), &mut reader);
        assert!(sent.is_ok(), "{line}: {:?}", sent.err());
        count += 1;
    }
    assert!(count > 15, "only {count} calls were found: this test is blind");
}
