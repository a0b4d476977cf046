//! Who comes in, and whose things he sees.

use std::{net::SocketAddr, path::PathBuf};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use orkestra_proto::orkestra::v1::{
    GetRunRequest, GetStatusRequest, NewTask, SubmitRequest,
    status_service_client::StatusServiceClient, task_service_client::TaskServiceClient,
};
use orkestra_runtime::{
    ErrorKind,
    time::{Clock as _, SystemClock},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, SanType,
};
use serde_json::{Value, json};
use tonic::{
    Code, Request, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::stage::{Stage, bare, node, quick, soon};
use crate::grpc::{Door, JwtSettings, Settings, TlsFiles};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "orkestra";

/// Who signs tokens, and the folder with what is known of him.
struct Signer {
    folder: tempfile::TempDir,
    edwards: KeyPair,
    p256: KeyPair,
}

impl Signer {
    fn new() -> Self {
        let edwards = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let both = edwards.public_key_pem() + "\n" + &p256.public_key_pem();
        std::fs::write(folder.path().join("keys.pem"), both).unwrap();
        Self { folder, edwards, p256 }
    }

    fn settings(&self) -> Settings {
        let keys = self.folder.path().join("keys.pem");
        let jwt = JwtSettings { keys, issuer: ISSUER.into(), audience: AUDIENCE.into() };
        Settings { jwt: Some(jwt), ..bare() }
    }

    fn token(&self, algorithm: Algorithm, claims: &Value) -> String {
        self.token_of(&Header::new(algorithm), claims)
    }

    fn token_of(&self, header: &Header, claims: &Value) -> String {
        let key = match header.alg {
            Algorithm::EdDSA => EncodingKey::from_ed_der(&self.edwards.serialize_der()),
            Algorithm::ES256 => EncodingKey::from_ec_der(&self.p256.serialize_der()),
            // As somebody would try who has the public key only.
            _ => EncodingKey::from_secret(self.edwards.public_key_pem().as_bytes()),
        };
        encode(header, claims, &key).unwrap()
    }
}

fn now() -> u64 {
    SystemClock::start().now().wall.as_ms() / 1_000
}

/// What a good token says.
fn good(namespace: &str) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": now() + 600, "sub": "ada", "ns": namespace })
}

fn but(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = good("blue");
    claims[name] = value.into();
    claims
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

async fn namespace_of(channel: &Channel, token: &str) -> Result<String, Status> {
    let mut client = StatusServiceClient::new(channel.clone());
    let told = soon(client.get_status(with(token, GetStatusRequest {}))).await?;
    Ok(told.into_inner().namespace)
}

#[tokio::test]
async fn a_token_says_whose_things_are_seen() {
    let signer = Signer::new();
    let stage = Stage::with(quick(), signer.settings()).await;
    let blue = signer.token(Algorithm::EdDSA, &good("blue"));
    let green = signer.token(Algorithm::ES256, &good("green"));
    assert_eq!(namespace_of(&stage.channel, &blue).await.unwrap(), "blue");
    assert_eq!(namespace_of(&stage.channel, &green).await.unwrap(), "green");
    let mut client = TaskServiceClient::new(stage.channel.clone());
    let task = NewTask { id: "t".into(), ..NewTask::default() };
    let asked = SubmitRequest { run: "r".into(), tasks: vec![task], ..Default::default() };
    soon(client.submit(with(&blue, asked))).await.unwrap();
    let shown = || GetRunRequest { run: "r".into() };
    soon(client.get_run(with(&blue, shown()))).await.unwrap();
    let hidden = soon(client.get_run(with(&green, shown()))).await.unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    stage.system.stop().await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_not_quite_right_is_not_believed() {
    let signer = Signer::new();
    let stage = Stage::with(quick(), signer.settings()).await;
    let stranger = Signer::new();
    let mut critical = Header::new(Algorithm::EdDSA);
    critical.crit = Some(vec!["exp".into()]);
    let mut torn = signer.token(Algorithm::EdDSA, &good("blue"));
    torn.replace_range(torn.len() - 6..torn.len() - 2, "AAAA");
    let unsigned = format!("{}.e30.", "eyJhbGciOiJub25lIn0");
    let wrong = [
        (signer.token(Algorithm::HS256, &good("blue")), "signed with"),
        (unsigned, "no JWT"),
        (torn, "signature"),
        (stranger.token(Algorithm::EdDSA, &good("blue")), "signature"),
        (signer.token(Algorithm::EdDSA, &but("aud", "others")), "aud"),
        (signer.token(Algorithm::EdDSA, &but("iss", "others")), "issued by"),
        (signer.token(Algorithm::ES256, &but("exp", now() - 61)), "expired"),
        (signer.token(Algorithm::EdDSA, &but("nbf", now() + 120)), "nbf"),
        (signer.token(Algorithm::EdDSA, &but("ns", Value::Null)), "claim"),
        (signer.token(Algorithm::EdDSA, &but("ns", "x".repeat(200))), "128 bytes"),
        (signer.token_of(&critical, &good("blue")), "extension"),
        ("x".repeat(9_000), "longer than"),
        (String::new(), ""),
    ];
    for (token, why) in wrong {
        let refused = namespace_of(&stage.channel, &token).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
        assert!(refused.message().contains(why), "{why}: {refused}");
    }
    let mut client = StatusServiceClient::new(stage.channel.clone());
    let refused = soon(client.get_status(GetStatusRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // The clocks of two machines may be a little apart.
    let late = signer.token(Algorithm::EdDSA, &but("exp", now() - 30));
    assert_eq!(namespace_of(&stage.channel, &late).await.unwrap(), "blue");
    let several = signer.token(Algorithm::EdDSA, &but("aud", json!(["others", AUDIENCE])));
    assert_eq!(namespace_of(&stage.channel, &several).await.unwrap(), "blue");
    stage.system.stop().await.unwrap();
}

/// An authority, and the files of a door that it vouches for.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let authority = Self { folder, issuer };
        let (cert, key) =
            authority.certificate(&[SanType::DnsName("localhost".try_into().unwrap())]);
        std::fs::write(authority.file("cert.pem"), cert).unwrap();
        std::fs::write(authority.file("key.pem"), key).unwrap();
        authority
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn certificate(&self, names: &[SanType]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    fn settings(&self) -> Settings {
        let tls = TlsFiles {
            cert: self.file("cert.pem"),
            key: self.file("key.pem"),
            client_ca: Some(self.file("ca.pem")),
        };
        Settings { tls: Some(tls), ..bare() }
    }

    async fn connect(
        &self,
        address: SocketAddr,
        shown: Option<(String, String)>,
    ) -> Option<Channel> {
        let roots = Certificate::from_pem(self.issuer.pem());
        let tls = ClientTlsConfig::new().ca_certificate(roots).domain_name("localhost");
        let tls = match shown {
            Some((cert, key)) => tls.identity(Identity::from_pem(cert, key)),
            None => tls,
        };
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
        soon(endpoint.tls_config(tls).unwrap().connect()).await.ok()
    }
}

async fn seen_by(channel: &Channel) -> Result<String, Status> {
    let mut client = StatusServiceClient::new(channel.clone());
    let told = soon(client.get_status(GetStatusRequest {})).await?;
    Ok(told.into_inner().namespace)
}

#[tokio::test]
async fn a_certificate_says_whose_things_are_seen_and_without_one_nobody_comes_in() {
    let (authority, elsewhere) = (Authority::new(), Authority::new());
    let (system, address) = node(quick(), authority.settings()).await;
    let uri = [SanType::URI("orkestra://namespace/blue".try_into().unwrap())];
    let channel = authority.connect(address, Some(authority.certificate(&uri))).await.unwrap();
    assert_eq!(seen_by(&channel).await.unwrap(), "blue");
    // One that somebody else vouches for, and none: the handshake fails, then or with the first word.
    for shown in [Some(elsewhere.certificate(&uri)), None] {
        if let Some(channel) = authority.connect(address, shown).await {
            seen_by(&channel).await.unwrap_err();
        }
    }
    // One that is good and names nobody.
    let other = [SanType::DnsName("ada.example".try_into().unwrap())];
    let mut nameless = CertificateParams::default();
    (nameless.subject_alt_names, nameless.distinguished_name) =
        (other.to_vec(), rcgen::DistinguishedName::new());
    let key = KeyPair::generate().unwrap();
    let cert = nameless.signed_by(&key, &authority.issuer).unwrap();
    let shown = (cert.pem(), key.serialize_pem());
    let channel = authority.connect(address, Some(shown)).await.unwrap();
    assert_eq!(seen_by(&channel).await.unwrap_err().code(), Code::Unauthenticated);
    system.stop().await.unwrap();
}

#[test]
fn beyond_this_machine_nobody_listens_who_does_not_ask_for_names() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let open = Settings { listen: everywhere, ..bare() };
    let refused = Door::bind(open.clone()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.to_string().contains("grpc.tls.cert"), "{refused}");
    let signer = Signer::new();
    let tokens_in_the_clear = Settings { listen: everywhere, ..signer.settings() };
    assert!(Door::bind(tokens_in_the_clear).is_err());
    let authority = Authority::new();
    let sealed_only = Settings { listen: everywhere, ..authority.settings() };
    let without_names = Settings {
        tls: sealed_only.tls.clone().map(|tls| TlsFiles { client_ca: None, ..tls }),
        ..sealed_only.clone()
    };
    assert!(Door::bind(without_names.clone()).is_err());
    let with_tokens = Settings { jwt: signer.settings().jwt, ..without_names };
    assert!(Door::bind(with_tokens).unwrap().has_tls());
    assert!(Door::bind(sealed_only).is_ok());
    assert!(Door::bind(Settings { insecure: true, ..open }).is_ok());
}

#[test]
fn a_file_that_holds_no_key_is_refused_before_anybody_comes() {
    let signer = Signer::new();
    let keys = signer.folder.path().join("keys.pem");
    std::fs::write(&keys, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).unwrap();
    let refused = Door::bind(signer.settings()).unwrap_err();
    assert!(refused.to_string().contains("EdDSA or ES256"), "{refused}");
}
