//! The list of what a deployment opens: hosts, a host with a port, ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

use crate::special;

/// An entry of the list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` in ORK_OUTGOING_ALLOW {why}")]
pub struct AllowError {
    /// The entry as it stands in the list.
    pub entry: String,
    /// What is wrong with it, and what to write.
    pub why: String,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Allow {
    hosts: Vec<(Host, Option<u16>)>,
    ranges: Vec<Range>,
}

impl Allow {
    /// Reads a list with commas between its entries.
    pub(crate) fn parse(list: &str) -> Result<Self, AllowError> {
        let mut allow = Self::default();
        for entry in list.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            allow.add(entry).map_err(|why| AllowError {
                entry: entry.into(),
                why,
            })?;
        }
        Ok(allow)
    }

    fn add(&mut self, entry: &str) -> Result<(), String> {
        if entry.contains("://") {
            return Err("is a URL: write the host alone, or host:port".into());
        }
        if entry.contains('*') {
            return Err("has a `*`: write each host, or the range of its addresses".into());
        }
        if entry.contains('/') {
            self.ranges.push(Range::parse(entry)?);
            return Ok(());
        }
        let (host, port) = match entry.parse::<IpAddr>() {
            Ok(address) => (host_of(address), None),
            Err(_) => read_host(entry)?,
        };
        let address = address(&host);
        let metadata = match &host {
            Host::Domain(name) => special::is_metadata_name(name),
            _ => address.is_some_and(special::is_metadata),
        };
        if metadata {
            return Err("is a metadata service: it hands out credentials, no list opens it".into());
        }
        match (address, port) {
            (Some(address), None) => self.ranges.push(Range::one(address)),
            _ => self.hosts.push((host, port)),
        }
        Ok(())
    }

    /// Whether a host of a URL is listed by itself.
    pub(crate) fn has_host(&self, host: &Host, port: u16) -> bool {
        self.hosts
            .iter()
            .any(|(known, only)| known == host && only.is_none_or(|only| only == port))
    }

    /// Whether an address is in a listed range.
    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether there are ranges at all.
    pub(crate) fn has_ranges(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Whether there are hosts at all.
    pub(crate) fn has_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }
}

/// A host as it is compared: what the URL standard makes of it, without a dot at its end, an IPv4 address as such.
pub(crate) fn plain(host: Host<&str>) -> Host {
    match host {
        Host::Domain(name) => Host::Domain(name.trim_end_matches('.').to_owned()),
        Host::Ipv4(address) => host_of(address.into()),
        Host::Ipv6(address) => host_of(address.into()),
    }
}

/// The address that a host is, if it is not a name.
pub(crate) fn address(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
    }
}

fn host_of(address: IpAddr) -> Host {
    match address.to_canonical() {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    }
}

fn read_host(entry: &str) -> Result<(Host, Option<u16>), String> {
    let colon = match entry.rfind(']') {
        Some(end) => entry[end..].find(':').map(|at| end + at),
        None => entry.rfind(':'),
    };
    let (host, port) = match colon {
        None => (entry, None),
        Some(at) => {
            let port = entry[at + 1..].parse::<u16>().ok().filter(|port| *port > 0);
            let port = port.ok_or_else(|| {
                format!(
                    "has no port from 1 to 65535 behind its colon, but `{}`",
                    &entry[at + 1..]
                )
            })?;
            (&entry[..at], Some(port))
        }
    };
    let host = Host::parse(host).map_err(|error| {
        format!("is not a host, host:port or range such as 10.0.0.0/8: {error}")
    })?;
    let host = match &host {
        Host::Domain(name) => plain(Host::Domain(name)),
        Host::Ipv4(address) => host_of((*address).into()),
        Host::Ipv6(address) => host_of((*address).into()),
    };
    Ok((host, port))
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    first: IpAddr,
    prefix: u8,
}

impl Range {
    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').ok_or("is not a range")?;
        let first: IpAddr = address
            .parse()
            .map_err(|_| "is not a range of addresses such as 10.0.0.0/8 or fd00::/8")?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= longest)
            .ok_or_else(|| format!("has no prefix from 0 to {longest} behind its slash"))?;
        if first.to_canonical() != first {
            return Err("is IPv4 written as IPv6: write the range of IPv4".into());
        }
        let range = Self { first, prefix };
        match range.first() == first {
            true => Ok(range),
            false => Err(format!(
                "has bits behind its prefix: write {}",
                Self {
                    first: range.first(),
                    prefix
                }
            )),
        }
    }

    /// A range of this crate's own tables.
    pub(crate) fn known(text: &str) -> Self {
        // Read from the tables as they stand, so that the text people see and the range that is compared cannot differ.
        let (first, prefix) = text.split_once('/').expect("the tables hold ranges");
        Self {
            first: first.parse().expect("the tables hold addresses"),
            prefix: prefix.parse().expect("the tables hold prefixes"),
        }
    }

    fn one(address: IpAddr) -> Self {
        let first = address.to_canonical();
        let prefix = if first.is_ipv4() { 32 } else { 128 };
        Self { first, prefix }
    }

    /// Whether it holds an address. An IPv4 address written as IPv6 is the IPv4 one.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (first.to_bits() ^ address.to_bits()) & self.mask4() == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()) & self.mask6() == 0
            }
            _ => false,
        }
    }

    /// Its first address.
    pub(crate) fn first(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() & self.mask4()).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() & self.mask6()).into(),
        }
    }

    /// Its last address.
    #[cfg(test)]
    pub(crate) fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() | !self.mask4()).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() | !self.mask6()).into(),
        }
    }

    fn mask4(&self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0)
    }

    fn mask6(&self) -> u128 {
        u128::MAX
            .checked_shl(128 - u32::from(self.prefix))
            .unwrap_or(0)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}
