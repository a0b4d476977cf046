//! The servers that tests and `orkestra up` bring: real processes, ended for real.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use orkestra_coordinator::nats_server::{Server, ServerSpec, run};
use orkestra_tests::nats::{Servers, Signal, Wishes, binary};
use rustix::process::{Pid, test_kill_process};

fn is_gone(pid: Pid) -> bool {
    test_kill_process(pid).is_err()
}

async fn stream(url: &str, name: &str, replicas: usize) -> async_nats::jetstream::Context {
    let client = async_nats::connect(url).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let config = async_nats::jetstream::stream::Config {
        name: name.to_owned(),
        subjects: vec![name.to_owned()],
        num_replicas: replicas,
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    context
}

async fn count(context: &async_nats::jetstream::Context, name: &str) -> u64 {
    // A server that has just come back may first have to find its leader.
    for _ in 0..200 {
        if let Ok(stream) = context.get_stream(name).await {
            return stream.cached_info().state.messages;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the stream did not come back")
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port_with_what_it_acknowledged() {
    let mut servers = Servers::one().await;
    let url = servers.url();
    let context = stream(&url, "kept", 1).await;
    for _ in 0..10 {
        context.publish("kept", "x".into()).await.unwrap().await.unwrap();
    }
    servers.kill(0).await;
    assert!(!servers.is_up(0));
    assert!(async_nats::connect(&url).await.is_err());
    servers.start(0).await;
    assert_eq!(servers.url(), url);
    let again = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    assert_eq!(count(&again, "kept").await, 10);
    servers.restart(0).await;
    let again = async_nats::jetstream::new(async_nats::connect(&url).await.unwrap());
    assert_eq!(count(&again, "kept").await, 10);
}

#[tokio::test]
async fn a_paused_server_keeps_its_connections_and_answers_when_it_goes_on() {
    let servers = Servers::one().await;
    let client = async_nats::connect(servers.url()).await.unwrap();
    let mut heard = client.subscribe("echo").await.unwrap();
    client.publish("echo", "one".into()).await.unwrap();
    assert_eq!(heard.next().await.unwrap().payload, "one");
    servers.pause(0);
    client.publish("echo", "two".into()).await.unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(300), heard.next()).await;
    assert!(silent.is_err(), "a paused server answered");
    servers.resume(0);
    assert_eq!(heard.next().await.unwrap().payload, "two");
}

#[tokio::test]
async fn three_servers_hold_a_stream_together_and_outlive_one_of_them() {
    let mut servers = Servers::three().await;
    assert_eq!(servers.count(), 3);
    let context = stream(&servers.url(), "shared", 3).await;
    context.publish("shared", "x".into()).await.unwrap().await.unwrap();
    servers.kill(2).await;
    assert_eq!(count(&context, "shared").await, 1);
    servers.start(2).await;
    let urls = servers.urls();
    let third = async_nats::jetstream::new(async_nats::connect(&urls[2]).await.unwrap());
    assert_eq!(count(&third, "shared").await, 1);
}

#[tokio::test]
async fn servers_and_their_folder_are_gone_when_their_test_panics() {
    let servers = Servers::one().await;
    let folder = servers.folder().to_owned();
    let url = servers.url();
    let panics = std::panic::AssertUnwindSafe(async move {
        let _held = servers;
        panic!("as a failing test does");
    });
    assert!(panics.catch_unwind().await.is_err());
    assert!(!folder.exists());
    assert!(async_nats::connect(&url).await.is_err());
}

#[tokio::test]
async fn a_dropped_server_is_gone_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(binary().await, ServerSpec::one(dir.path()).unwrap()).await.unwrap();
    let pid = server.pid().unwrap();
    assert!(!is_gone(pid));
    drop(server);
    assert!(is_gone(pid), "a dropped server runs on");
}

#[tokio::test]
async fn a_configuration_that_the_server_refuses_is_told_in_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = ServerSpec::one(dir.path()).unwrap();
    spec.more = "no_such_setting: 1\n".to_owned();
    let told = Server::start(binary().await, spec).await.unwrap_err().to_string();
    assert!(told.contains("ended at its start"), "{told}");
    assert!(told.contains("no_such_setting"), "{told}");
}

#[tokio::test]
async fn a_server_as_a_duty_stops_when_told_and_fails_when_it_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let spec = ServerSpec::one(dir.path()).unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let stop = async {
        told.await.unwrap();
    };
    run(binary().await, spec.clone(), |_| tell.send(()).unwrap(), stop).await.unwrap();

    let kill = |server: &Server| server.signal(Signal::KILL).unwrap();
    let ended = run(binary().await, spec, kill, std::future::pending()).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.contains("ended by itself"), "{told}");
}

#[tokio::test]
async fn a_server_takes_messages_as_large_as_wished_and_no_larger() {
    let servers = Servers::wished(Wishes { max_payload_bytes: 4_096, ..Wishes::default() }).await;
    let client = async_nats::connect(servers.url()).await.unwrap();
    assert_eq!(client.server_info().max_payload, 4_096);
    let refused = client.publish("a", vec![0; 4_097].into()).await;
    assert!(refused.is_err());
}
