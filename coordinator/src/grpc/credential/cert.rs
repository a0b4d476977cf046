//! What a certificate says of whoever shows it: the namespace in its URI, or else its common name.
//!
//! That it is good was found out by the handshake.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// What the URI of a namespace begins with.
const URI: &str = "orkestra://namespace/";
/// The tags of DER that a name is made of.
const SET: u8 = 0x31;
const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
/// The number of the common name, 2.5.4.3, as DER has it.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// The kinds of text that are read: UTF-8, printable, and IA5.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

/// What a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::grpc) struct Shown {
    /// Whose things are seen.
    pub(super) namespace: Option<String>,
    /// Who shows it: its common name.
    pub(super) subject: Option<String>,
}

impl Shown {
    /// Reads a certificate.
    pub(in crate::grpc) fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok(read) = EndEntityCert::try_from(certificate) else { return Self::default() };
        let mut uris = read.valid_uri_names().filter_map(|uri| uri.strip_prefix(URI));
        let uri = uris.next().map(str::to_owned);
        // Two namespaces in one certificate are none: nobody guesses which is meant.
        let is_one = uris.next().is_none();
        let subject = common_name(read.subject()).map(str::to_owned);
        let namespace = if is_one { uri.or_else(|| subject.clone()) } else { None };
        Self { namespace, subject }
    }
}

/// The common name in the content of a subject, if there is exactly one.
fn common_name(subject: &[u8]) -> Option<&str> {
    let (mut rest, mut found) = (subject, None);
    while !rest.is_empty() {
        let (set, after) = element(rest, SET)?;
        rest = after;
        let mut attributes = set;
        while !attributes.is_empty() {
            let (attribute, after) = element(attributes, SEQUENCE)?;
            attributes = after;
            let (object, value) = element(attribute, OBJECT)?;
            if object != COMMON_NAME {
                continue;
            }
            let kind = *value.first().filter(|kind| TEXTS.contains(kind))?;
            let (text, _) = element(value, kind)?;
            if found.replace(std::str::from_utf8(text).ok()?).is_some() {
                return None;
            }
        }
    }
    found
}

/// The content of the element that begins here, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        // No name is so long.
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn shown(names: &[&str], uris: &[&str]) -> Shown {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Somebody Ltd");
        for name in names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names = uris.collect();
        let key = KeyPair::generate().unwrap();
        Shown::of(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn the_namespace_is_that_of_the_uri_or_else_the_common_name() {
        let both = shown(&["ada"], &["https://elsewhere/x", "orkestra://namespace/blue"]);
        assert_eq!(both.namespace.as_deref(), Some("blue"));
        assert_eq!(both.subject.as_deref(), Some("ada"));
        assert_eq!(shown(&["green"], &[]).namespace.as_deref(), Some("green"));
    }

    #[test]
    fn a_certificate_with_two_namespaces_or_none_names_nobody() {
        let two = shown(&["ada"], &["orkestra://namespace/a", "orkestra://namespace/b"]);
        assert_eq!(two.namespace, None);
        assert_eq!(shown(&[], &[]), Shown::default());
        assert_eq!(Shown::of(&CertificateDer::from(vec![0x30, 0x03, 0x02])), Shown::default());
    }

    #[test]
    fn whatever_stands_in_a_name_is_read_without_going_beyond_it() {
        let torn: [&[u8]; 5] =
            [&[0x31], &[0x31, 0x05, 0x30], &[0x31, 0x82, 0xff], &[0x31, 0x84, 0, 0, 0, 1], &[1, 0]];
        for torn in torn {
            assert_eq!(common_name(torn), None);
        }
    }
}
