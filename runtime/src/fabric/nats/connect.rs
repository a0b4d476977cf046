//! Finding a server, and finding or making what is kept there. The only place that knows how
//! often and how long to try.

use std::{
    error::Error as _,
    fmt::Write as _,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr};
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};
use rustls::CertificateError;

use super::{
    faults::Refusal,
    mux::Mux,
    names::Names,
    settings::{NatsAuth, NatsSettings, shown},
    status::{Status, count},
    streams::{Kind, Streams},
    wire::Wire,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fabric::embedded::SUBSCRIPTION_CAPACITY_MAX,
};

/// How many messages may wait to be sent.
const SENDING_MAX: usize = 8_192;
/// More than any subscription of ours may hold, so that what the client drops is always noticed.
const CLIENT_CAPACITY: usize = SUBSCRIPTION_CAPACITY_MAX + 1_024;
/// The longest pause before a lost connection is sought again.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(500);

fn patience(within: Duration) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_millis(50))
        .with_multiplier(1.6)
        .with_max_interval(Duration::from_secs(1))
        .with_max_elapsed_time(Some(within))
        .build()
}

/// One TLS provider for everything that is linked; whoever comes first has installed it.
fn install_tls() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
}

/// Connects, trying again while that may help.
pub(super) async fn connect(settings: &NatsSettings) -> Result<Arc<Wire>> {
    let servers = settings.servers()?;
    install_tls();
    let status = Arc::new(Status::new(Arc::clone(&settings.clock)));
    // An id of its own, so that two processes of one user do not hear each other's answers.
    let inbox = format!("{}.{}", settings.inbox_prefix, unique());
    let mux = Mux::new(&inbox);
    let mut patience = patience(settings.connect_within);
    loop {
        let options = options(settings, &servers, &status, &mux).await?;
        let error = match options.connect(&servers[..]).await {
            Ok(client) => {
                let wire = Wire::new(client, mux, status, settings.answer_within).await?;
                if let Err(error) = wire.round_trip().await {
                    wire.close().await;
                    return Err(error);
                }
                return Ok(wire);
            }
            Err(error) => error,
        };
        let (helps, advice) = hidden(&error).unwrap_or_else(|| judge(error.kind()));
        let pause = if helps { patience.next_backoff() } else { None };
        let Some(pause) = pause else {
            let tried: Vec<_> = servers.iter().map(shown).collect();
            let kind = if helps { ErrorKind::Unavailable } else { ErrorKind::Invalid };
            let message = format!("cannot connect to NATS at {}: {advice}", tried.join(", "));
            return Err(Error::new(kind, message).because(error));
        };
        tokio::time::sleep(pause).await;
    }
}

/// Whether trying again may help, and what is to be done.
const fn judge(kind: ConnectErrorKind) -> (bool, &'static str) {
    match kind {
        ConnectErrorKind::Io => {
            (true, "nobody took the connection; is the server running, and does it want TLS?")
        }
        ConnectErrorKind::TimedOut => (true, "the server did not answer in time"),
        ConnectErrorKind::Dns => (true, "the name was not found"),
        ConnectErrorKind::MaxReconnects => (true, "it was tried too often"),
        ConnectErrorKind::Tls => {
            (false, "TLS failed; see that the CA, the certificate and the key fit the server")
        }
        ConnectErrorKind::Authentication => (false, "the credentials cannot be used"),
        ConnectErrorKind::AuthorizationViolation => (false, "the server refused the credentials"),
        ConnectErrorKind::ServerParse => (false, "an address cannot be read"),
    }
}

/// The same where hiding the connection failed, which the client tells as a fault of the network.
/// Nobody's certificate becomes another by asking again.
fn hidden(error: &ConnectError) -> Option<(bool, &'static str)> {
    let source = error.source()?.downcast_ref::<io::Error>()?;
    let advice = match source.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is of a CA that is not trusted here; name the file of its CA"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for other names than this address",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the server's certificate has expired, or the clock here is wrong",
        rustls::Error::AlertReceived(_) => {
            "the server refused TLS; see that it trusts the CA of this side's certificate, and that \
             the key belongs to that"
        }
        _ => judge(ConnectErrorKind::Tls).1,
    };
    Some((false, advice))
}

fn unique() -> String {
    let mut bytes = [0; 12];
    // Without chance the process id still tells processes of one machine apart.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_le_bytes());
    }
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn options(
    settings: &NatsSettings,
    servers: &[ServerAddr],
    status: &Arc<Status>,
    mux: &Mux,
) -> Result<ConnectOptions> {
    let events = on_event(Arc::clone(status), mux.clone());
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .custom_inbox_prefix(&settings.inbox_prefix)
        .ping_interval(settings.ping_interval)
        .connection_timeout(settings.answer_within)
        .request_timeout(Some(settings.answer_within))
        .client_capacity(SENDING_MAX)
        .subscription_capacity(CLIENT_CAPACITY)
        .reconnect_delay_callback(|attempts| {
            let doubled = 1_u64 << attempts.saturating_sub(1).min(9);
            RECONNECT_PAUSE_MAX.min(Duration::from_millis(5 * doubled))
        })
        .require_tls(settings.tls.required)
        .event_callback(move |event| {
            events(&event);
            std::future::ready(())
        });
    if !settings.tls.required && !settings.insecure {
        // A server may name others, whom nobody has checked to be on this machine or hidden.
        options = options.ignore_discovered_servers();
    }
    if let Some(ca) = &settings.tls.ca {
        options = options.add_root_certificates(ca.clone());
    }
    options = match (&settings.tls.cert, &settings.tls.key) {
        (Some(cert), Some(key)) => options.add_client_certificate(cert.clone(), key.clone()),
        (None, None) => options,
        (Some(_), None) | (None, Some(_)) => {
            let why = "a certificate for NATS needs its key, and a key its certificate";
            return Err(Error::new(ErrorKind::Invalid, why));
        }
    };
    match &settings.auth {
        NatsAuth::None => {
            let named = servers.iter().find_map(|server| {
                Some((server.username()?.to_owned(), server.password()?.to_owned()))
            });
            Ok(match named {
                Some((user, password)) => options.user_and_password(user, password),
                None => options,
            })
        }
        NatsAuth::Password { user, password } => {
            Ok(options.user_and_password(user.clone(), password.clone()))
        }
        NatsAuth::Nkey { seed } => Ok(options.nkey(seed.clone())),
        NatsAuth::CredentialsFile { path } => {
            options.credentials_file(path).await.map_err(|error| {
                let what = format!("cannot read the credentials file {}", path.display());
                Error::new(ErrorKind::Invalid, what).because(error)
            })
        }
    }
}

/// What the client says of its connection.
fn on_event(status: Arc<Status>, mux: Mux) -> impl Fn(&Event) + Send + Sync + 'static {
    move |event| match event {
        Event::Connected => status.connected(),
        Event::Disconnected | Event::Closed => {
            status.disconnected();
            // Their answers went with the connection; nobody need wait until his time is out.
            mux.cut();
        }
        Event::ServerError(_) => count(&status.counts.server_errors),
        Event::LameDuckMode | Event::Draining | Event::SlowConsumer(_) | Event::ClientError(_) => {}
    }
}

/// Finds or makes what every node needs, trying again while servers elect their leaders.
pub(super) async fn set_up(streams: &Streams, names: &Names, within: Duration) -> Result<()> {
    let needed = [
        (Kind::State, names.state(), names.state_subject(">")),
        (Kind::Blobs, names.blobs(), names.blob_subject("*", "*")),
    ];
    let mut patience = patience(within);
    for (kind, stream, subjects) in &needed {
        loop {
            let Err(refusal) = streams.find_or_make(*kind, stream, subjects).await else { break };
            let pause = match &refusal {
                Refusal::NoJetStream(_) => None,
                _ => patience.next_backoff(),
            };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(not_set_up(stream, streams.may_create, refusal)),
            }
        }
    }
    Ok(())
}

fn not_set_up(stream: &str, may_create: bool, refusal: Refusal) -> Error {
    let what = format!("find or make stream {stream}");
    let advice = match (&refusal, may_create) {
        (Refusal::NoStream, false) => {
            "; this node may not make it: start a node with the role coordinator first"
        }
        (Refusal::NoJetStream(_), _) => "; start nats-server with JetStream (-js)",
        (Refusal::NoOne | Refusal::Unclear(_), _) => {
            "; are enough servers of the NATS cluster up, is JetStream on, and may this user ask it?"
        }
        (_, _) => "",
    };
    let kind = match refusal {
        // Whoever may make it may come later.
        Refusal::NoStream => ErrorKind::Unavailable,
        ref other => other.clone().into_error(&what).kind(),
    };
    Error::new(kind, format!("{}{advice}", refusal.into_error(&what)))
}

/// What the server that was reached is, and what follows from what it lacks.
pub(super) fn learn_features(client: &Client, status: &Status, servers_sync: bool) -> bool {
    let info = client.server_info();
    let (server, version) = (info.server_name.clone(), info.version.clone());
    {
        let mut features = status.features();
        features.server = server;
        features.version.clone_from(&version);
    }
    let many = client.is_server_compatible(2, 11, 0);
    if !many {
        status.notice(format!(
            "nats-server {version} gives one record to one question (2.11 gives many): a journal is read slowly"
        ));
    }
    if !client.is_server_compatible(2, 10, 0) {
        status.notice(format!(
            "nats-server {version} cannot sync before it acknowledges (2.10 can): what was acknowledged last may be lost when machines lose power"
        ));
    } else if !servers_sync {
        status.notice(
            "whether the servers sync before they acknowledge cannot be seen from here: unless sync_interval is always, what was acknowledged in the last two minutes may be lost when machines lose power"
                .to_owned(),
        );
    }
    if info.max_payload < crate::limits::FRAME_BYTES_MAX {
        status.notice(format!(
            "the server takes messages of {} bytes at most: larger frames and records are refused",
            info.max_payload
        ));
    }
    many
}
