//! Where a provider is found, and how its model may be called there.

use orkestra_runtime::{Error, ErrorKind, Result};
use reqwest::Url;

use super::provider::Provider;

/// Reads the address of a provider.
pub(super) fn base_url(provider: Provider, said: Option<&str>) -> Result<Url> {
    let refused = |why: &str| {
        Error::new(
            ErrorKind::Invalid,
            format!("cannot use this as the base URL of {provider}: {why}"),
        )
    };
    let Some(said) = said.or_else(|| provider.base_url()) else {
        return Err(refused("none is set, and it has no usual one"));
    };
    let url = Url::parse(said).map_err(|error| refused(&format!("it is no URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("it begins with neither https:// nor http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it holds a name or a password; keys are settings of their own"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("nothing may follow its path"));
    }
    Ok(url)
}

/// A name stands in addresses and in reports.
pub(super) fn check_name(model: &str) -> Result<()> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
    if model.is_empty() || model.len() > 128 || !model.chars().all(is_fine) || model.contains("..")
    {
        let why = format!("{model:?} cannot be the name of a model");
        return Err(Error::new(ErrorKind::Invalid, why));
    }
    Ok(())
}

/// Whether it is on this machine.
pub(super) fn is_here(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<std::net::IpAddr, _> = bare.parse();
    address.map_or(bare == "localhost", |address| address.is_loopback())
}
