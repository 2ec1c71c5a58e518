//! What may be reached: judges URLs before a request, and addresses before a connection.

use std::net::IpAddr;

use url::{Host, Url};

use crate::allow::{self, Allow, AllowError};
use crate::error::{OutgoingError, Refusal, shown_text};
use crate::special;

/// The environment variable that holds what a deployment opens.
pub const ALLOW: &str = "ORK_OUTGOING_ALLOW";

/// Judges where a request may go. Without a list: `https` to addresses of the whole Internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    allow: Allow,
}

/// Which addresses the name in a URL may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of the whole Internet and those in listed ranges.
    Public,
    /// Only those in listed ranges: the URL is plain `http`.
    Listed,
    /// Any but metadata services: the host is listed by itself.
    Any,
}

impl Guard {
    /// Opens nothing that is inside.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Opens what a list says: hosts, host:port, addresses and ranges of them, with commas between.
    pub fn parse(list: &str) -> Result<Self, AllowError> {
        Ok(Self {
            allow: Allow::parse(list)?,
        })
    }

    /// Judges what can be said of a URL before its name is looked up.
    pub fn check(&self, url: &str) -> Result<(), OutgoingError> {
        let url = read(url)?;
        self.admit(&url)
            .map(drop)
            .map_err(|refusal| refusal.of(&url))
    }

    /// Which reaches a client needs.
    pub(crate) fn reaches(&self) -> impl Iterator<Item = Reach> {
        let listed = self.allow.has_ranges().then_some(Reach::Listed);
        let any = (self.allow.has_ranges() || self.allow.has_hosts()).then_some(Reach::Any);
        [Some(Reach::Public), listed, any].into_iter().flatten()
    }

    /// Judges a URL; says which addresses its name may have.
    pub(crate) fn admit(&self, url: &Url) -> Result<Reach, Refusal> {
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            other => return refuse(format!("`{other}` is not https")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it holds a user or password; put credentials into a header".into());
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refuse("it has no host".into());
        };
        let host = allow::plain(host);
        let name = match &host {
            Host::Domain(name) => name,
            Host::Ipv4(address) => {
                return self.admit_literal(&host, (*address).into(), port, plain);
            }
            Host::Ipv6(address) => {
                return self.admit_literal(&host, (*address).into(), port, plain);
            }
        };
        if special::is_metadata_name(name) {
            return refuse(metadata(name));
        }
        if self.allow.has_host(&host, port) {
            return Ok(Reach::Any);
        }
        if let Some(why) = special::inside_name(name) {
            return refuse(format!("{why}; {}", listing(name)));
        }
        match (plain, self.allow.has_ranges()) {
            (false, _) => Ok(Reach::Public),
            (true, true) => Ok(Reach::Listed),
            (true, false) => refuse(only_https(name)),
        }
    }

    fn admit_literal(
        &self,
        host: &Host,
        address: IpAddr,
        port: u16,
        plain: bool,
    ) -> Result<Reach, Refusal> {
        if special::is_metadata(address) {
            return refuse(metadata(&address.to_string()));
        }
        if self.allow.has_address(address) || self.allow.has_host(host, port) {
            return Ok(Reach::Any);
        }
        if let Some(why) = special::not_public(address) {
            return refuse(format!("{address} is {why}; {}", opening(address)));
        }
        match plain {
            false => Ok(Reach::Public),
            true => refuse(only_https(&address.to_string())),
        }
    }

    /// Judges an address that a name was found to have.
    pub(crate) fn admit_address(
        &self,
        name: &str,
        address: IpAddr,
        reach: Reach,
    ) -> Result<(), Refusal> {
        if special::is_metadata(address) {
            return refuse(format!(
                "{name} has the address {}",
                metadata(&address.to_string())
            ));
        }
        if reach == Reach::Any || self.allow.has_address(address) {
            return Ok(());
        }
        if let Some(why) = special::not_public(address) {
            return refuse(format!(
                "{name} has the address {address}, which is {why}; {}, or for all its addresses `{name}`",
                opening(address)
            ));
        }
        match reach {
            Reach::Listed => refuse(format!(
                "{name} has the address {address}, which is in no listed range; {}",
                only_https(name)
            )),
            Reach::Public | Reach::Any => Ok(()),
        }
    }
}

/// Reads a URL as browsers do.
pub(crate) fn read(url: &str) -> Result<Url, OutgoingError> {
    Url::parse(url).map_err(|error| {
        OutgoingError::Unusable(format!("`{}` is not a URL: {error}", shown_text(url)))
    })
}

fn refuse<T>(why: String) -> Result<T, Refusal> {
    Err(Refusal(why))
}

fn metadata(host: &str) -> String {
    format!("{host} is a metadata service, which hands out credentials; nothing opens it")
}

fn only_https(host: &str) -> String {
    format!("plain http is not allowed; use https, or {}", listing(host))
}

fn listing(host: &str) -> String {
    format!("to allow it, the deployment has to list `{host}` in {ALLOW}")
}

fn opening(address: IpAddr) -> String {
    format!(
        "to allow it, the deployment has to list `{}` or a range around it in {ALLOW}",
        address.to_canonical()
    )
}
