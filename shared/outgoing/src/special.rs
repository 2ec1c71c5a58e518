//! Which addresses are not for everybody: IANA's special-purpose registries, as far as something may answer there, and metadata services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::allow::Range;

/// Ranges of IPv4 that nobody outside is reached by.
const V4: &[(&str, &str)] = &[
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier (CGNAT)"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "for protocols"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
];

/// The same of IPv6, the narrower before the wider. What lies outside `2000::/3` and is not named here is reserved.
const V6: &[(&str, &str)] = &[
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "IPv4-compatible"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discarded"),
    ("2001::/32", "Teredo"),
    ("2001:2::/48", "benchmarking"),
    ("2001::/23", "for protocols"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
];

/// Where clouds hand out credentials to whoever asks from inside. No list opens these.
const METADATA: &[&str] = &[
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
];

/// The names of such services.
const METADATA_NAMES: &[&str] = &["metadata", "metadata.google.internal", "instance-data"];

/// Endings of names that mean something only inside.
const INSIDE: &[&str] = &["localhost", "localdomain", "local", "internal", "home.arpa"];

/// Why an address is not one of the whole Internet: `private (10.0.0.0/8)`. None when it is.
pub(crate) fn not_public(address: IpAddr) -> Option<String> {
    let named = |table: &[(&str, &str)]| {
        table.iter().find_map(|(range, why)| {
            Range::known(range)
                .contains(address)
                .then(|| format!("{why} ({range})"))
        })
    };
    match address.to_canonical() {
        IpAddr::V4(_) => named(V4),
        IpAddr::V6(v6) => named(V6).or_else(|| {
            if let Some(inner) = embedded(v6) {
                return not_public(inner.into()).map(|why| format!("{inner} in disguise, {why}"));
            }
            let global = Range::known("2000::/3").contains(address);
            (!global).then(|| "reserved (outside 2000::/3)".into())
        }),
    }
}

/// Whether a metadata service answers there, also by an IPv6 address that stands for its IPv4 one.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is = |one: IpAddr| METADATA.iter().any(|known| known.parse() == Ok(one));
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => embedded(v6),
    };
    is(address) || inner.is_some_and(|inner| is(inner.into()))
}

/// Whether a name (without a dot at its end) is that of a metadata service.
pub(crate) fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES.contains(&name)
}

/// Why a name (without a dot at its end) means something only inside. None for one of the whole Internet.
pub(crate) fn inside_name(name: &str) -> Option<String> {
    let ending = INSIDE.iter().find(|ending| {
        name.strip_suffix(**ending)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    match ending {
        Some(ending) if *ending == name => Some(format!("`{name}` is a name inside")),
        Some(ending) => Some(format!("names under `.{ending}` are inside")),
        None if !name.contains('.') => Some(
            "a name without a dot is looked up among the machine's own domains, which are inside"
                .into(),
        ),
        None => None,
    }
}

/// The IPv4 address that an IPv6 one stands for: IPv4-compatible and -translated, NAT64, 6to4, Teredo, ISATAP.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => v4(high, low),
        // The client's address, turned over.
        [0x2001, 0, _, _, _, _, high, low] => v4(!high, !low),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    #[test]
    fn every_range_of_the_tables_is_refused_from_its_first_to_its_last_address() {
        for (range, why) in V4.iter().chain(V6) {
            let range = Range::known(range);
            for address in [range.first(), range.last()] {
                let found = not_public(address);
                assert!(found.is_some(), "{address} of {why}");
            }
        }
    }

    #[test]
    fn neighbours_of_special_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::",
            "2001:200::",
            "2001:4860:4860::8888",
            "2003::",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "64:ff9b::8.8.8.8",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn an_internal_address_inside_an_ipv6_one_is_found() {
        for address in [
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:a00:1::",
            "2001:0:4136:e378:8000:63bf:f5ff:fffe",
            "2600::5efe:10.0.0.1",
            "::ffff:0:10.0.0.1",
        ] {
            assert!(not_public(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn metadata_is_known_in_every_disguise() {
        for address in METADATA.iter().copied().chain([
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:1:1:1:1:5601:5601",
            "fe80::5efe:169.254.169.254",
        ]) {
            assert!(is_metadata(address.parse().unwrap()), "{address}");
        }
        assert!(!is_metadata("169.254.169.253".parse().unwrap()));
    }
}
