//! One list of promises, proved on every fabric.

use std::sync::Arc;

use orkestra_runtime::fabric::{
    Durability, Fabric,
    embedded::Embedded,
    nats::{Nats, NatsSettings},
};
use orkestra_tests::{contract, nats::Servers};

#[tokio::test]
async fn a_fabric_in_memory_keeps_every_promise() {
    contract::prove(|_| async { Arc::new(Embedded::memory()) as Arc<dyn Fabric> }).await;
}

#[tokio::test]
async fn a_strict_fabric_keeps_every_promise() {
    contract::prove(|_| async { Arc::new(Embedded::strict()) as Arc<dyn Fabric> }).await;
}

#[tokio::test]
async fn a_fabric_in_a_directory_keeps_every_promise() {
    let home = tempfile::tempdir().unwrap();
    contract::prove(|number| {
        let dir = home.path().join(number.to_string());
        async { Arc::new(Embedded::open(dir).unwrap()) as Arc<dyn Fabric> }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fabric_in_a_directory_keeps_every_promise_on_several_threads() {
    let home = tempfile::tempdir().unwrap();
    contract::prove(|number| {
        let dir = home.path().join(number.to_string());
        async { Arc::new(Embedded::open(dir).unwrap()) as Arc<dyn Fabric> }
    })
    .await;
}

/// Each promise on a cluster of its own, all on the same servers.
async fn prove_on(servers: &Servers, replicas: usize) {
    contract::prove(|number| {
        let mut settings = NatsSettings::new(&servers.url());
        settings.urls = servers.urls();
        settings.cluster = format!("c{number}");
        settings.replicas = replicas;
        async { Arc::new(Nats::connect(settings).await.unwrap()) as Arc<dyn Fabric> }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fabric_on_one_server_keeps_every_promise() {
    prove_on(&Servers::one().await, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fabric_on_three_servers_keeps_every_promise() {
    prove_on(&Servers::three().await, 3).await;
}

#[tokio::test]
async fn a_fabric_says_what_survives() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(Embedded::memory().durability(), Durability::Memory);
    assert_eq!(Embedded::strict().durability(), Durability::Memory);
    assert_eq!(Embedded::open(home.path()).unwrap().durability(), Durability::Fsync);
}
