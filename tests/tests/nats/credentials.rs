//! Every way to say who one is, through the fabric, on real servers.

use std::{fs, time::Duration};

use nkeys::KeyPair;
use orkestra_runtime::fabric::{
    Fabric as _,
    nats::{Nats, NatsAuth, NatsSettings, NatsStore, NatsTls},
};
use orkestra_tests::nats::{Servers, Wishes, guarded::Guarded};
use serde_json::{Value, json};

async fn let_in(url: &str, auth: NatsAuth) {
    let mut settings = NatsSettings::new(url);
    settings.auth = auth;
    let fabric = Nats::connect(settings).await.unwrap();
    let name = fabric.blobs().put("kept".into()).await.unwrap();
    assert_eq!(fabric.blobs().get(&name).await.unwrap().unwrap(), "kept");
    fabric.close().await;
}

/// What a refused login is told; never what it was shown.
async fn refused(mut settings: NatsSettings, secret: &str) -> String {
    settings.connect_within = Duration::from_millis(500);
    let told = Nats::connect(settings).await.unwrap_err().to_string();
    assert!(!told.contains(secret), "{told}");
    told
}

fn with(url: &str, auth: NatsAuth) -> NatsSettings {
    let mut settings = NatsSettings::new(url);
    settings.auth = auth;
    settings
}

#[tokio::test]
async fn an_nkey_lets_its_owner_in_and_nobody_else() {
    let key = KeyPair::new_user();
    let more = format!("authorization {{ users: [ {{ nkey: {} }} ] }}\n", key.public_key());
    let servers = Servers::wished(Wishes { more, ..Wishes::default() }).await;
    let_in(&servers.url(), NatsAuth::Nkey { seed: key.seed().unwrap() }).await;
    let seed = KeyPair::new_user().seed().unwrap();
    let told = refused(with(&servers.url(), NatsAuth::Nkey { seed: seed.clone() }), &seed).await;
    assert!(told.contains("refused the credentials"), "{told}");
}

#[tokio::test]
async fn a_credentials_file_lets_its_user_in_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let (operator, account, system) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let more = [
        format!("operator: {}\n", token(&operator, &operator, json!({ "type": "operator" }))),
        format!("system_account: {}\nresolver: MEMORY\n", system.public_key()),
        format!(
            "resolver_preload: {{ {}: {}, {}: {} }}\n",
            account.public_key(),
            token(&operator, &account, limits()),
            system.public_key(),
            token(
                &operator,
                &system,
                json!({ "type": "account", "limits": {
                    "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                    "wildcards": true, "conn": -1, "leaf": -1,
                }})
            ),
        ),
    ]
    .concat();
    let servers = Servers::wished(Wishes { more, ..Wishes::default() }).await;
    let path = dir.path().join("user.creds");
    fs::write(&path, credentials(&account)).unwrap();
    let_in(&servers.url(), NatsAuth::CredentialsFile { path: path.clone() }).await;

    // A user of an account that the operator does not know.
    fs::write(&path, credentials(&KeyPair::new_account())).unwrap();
    let settings = with(&servers.url(), NatsAuth::CredentialsFile { path: path.clone() });
    let told = refused(settings.clone(), "eyJ").await;
    assert!(told.contains("refused the credentials"), "{told}");
    fs::remove_file(&path).unwrap();
    let told = refused(settings, "eyJ").await;
    assert!(told.contains("cannot read the credentials file"), "{told}");
}

fn limits() -> Value {
    json!({ "type": "account", "limits": {
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
        "consumer": -1,
    }})
}

/// A signed token in which one key vouches for another.
fn token(by: &KeyPair, of: &KeyPair, mut nats: Value) -> String {
    nats["version"] = json!(2);
    let name = nats["type"].clone();
    let claims = json!({
        "jti": "test", "iat": 1_700_000_000, "iss": by.public_key(), "name": name,
        "sub": of.public_key(), "nats": nats,
    });
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let text = format!(
        "{}.{}",
        letters(head.to_string().as_bytes()),
        letters(claims.to_string().as_bytes())
    );
    let signature = by.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", letters(&signature))
}

/// A file as `nsc` writes it, for a new user of an account.
fn credentials(account: &KeyPair) -> String {
    let user = KeyPair::new_user();
    let nats = json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 });
    let (jwt, line) = (token(account, &user, nats), "-".repeat(5));
    let part = |what: &str, text: &str| {
        format!("{line}BEGIN {what}{line}\n{text}\n-{line}END {what}-{line}\n\n")
    };
    part("NATS USER JWT", &jwt) + &part("USER NKEY SEED", &user.seed().unwrap())
}

/// Base64 for addresses, without padding.
fn letters(bytes: &[u8]) -> String {
    let alphabet: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let padded = [three[0], *three.get(1).unwrap_or(&0), *three.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        let count = three.len() + 1;
        text.extend((0..count).map(|i| alphabet[(bits >> (18 - 6 * i)) as usize & 63]));
    }
    text
}

#[tokio::test]
async fn who_is_refused_at_a_guarded_server_is_told_what_was_wrong() {
    let guarded = Guarded::start().await;
    let password = guarded.password("coordinator");
    let auth = |user: &str, password: &str| NatsAuth::Password {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    let mut right = with(&guarded.url(), auth("coordinator", &password));
    right.inbox_prefix = guarded.user("coordinator").inbox();
    right.store = NatsStore::Login {
        auth: auth("coordinator-store", &guarded.password("coordinator-store")),
        inbox_prefix: guarded.user("coordinator-store").inbox(),
    };
    right.tls = NatsTls {
        required: true,
        ca: Some(guarded.path("tls/ca.pem")),
        cert: Some(guarded.path("tls/client.pem")),
        key: Some(guarded.path("tls/client.key")),
    };
    Nats::connect(right.clone()).await.unwrap().close().await;

    let mut wrong = right.clone();
    wrong.auth = auth("coordinator", "guess");
    let told = refused(wrong, &password).await;
    assert!(told.contains("refused the credentials"), "{told}");

    let mut wrong = right.clone();
    wrong.store =
        NatsStore::Login { auth: auth("agents", "guess"), inbox_prefix: "_INBOX.a".to_owned() };
    let told = refused(wrong, &password).await;
    assert!(told.contains("refused the credentials"), "{told}");

    let mut wrong = right.clone();
    wrong.tls.ca = Some(guarded.path("stranger/ca.pem"));
    let told = refused(wrong, &password).await;
    assert!(told.contains("a CA that is not trusted here"), "{told}");

    let mut wrong = right.clone();
    (wrong.tls.cert, wrong.tls.key) = (None, None);
    let told = refused(wrong, &password).await;
    assert!(told.to_lowercase().contains("certificate"), "{told}");
}
