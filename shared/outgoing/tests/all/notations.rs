//! However an IPv4 address is written, it is judged the same.

use std::net::Ipv4Addr;

use ork_outgoing::{Guard, OutgoingError};
use proptest::prelude::*;

/// One number of an address, in one of the bases that URLs know.
fn number(value: u32, base: u8) -> String {
    match base % 4 {
        0 => value.to_string(),
        1 => format!("0x{value:x}"),
        2 => format!("0X{value:08X}"),
        _ => format!("0{value:o}"),
    }
}

/// An address in so many parts; the last part takes what is left.
fn dotted(address: u32, parts: usize, bases: [u8; 4], dot: &str) -> String {
    let bytes = address.to_be_bytes();
    let mut written: Vec<String> = (0..parts - 1)
        .map(|at| number(bytes[at].into(), bases[at]))
        .collect();
    let rest = bytes[parts - 1..]
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    written.push(number(rest, bases[parts - 1]));
    written.join(dot)
}

/// Letters of a host as something that stands for them.
fn disguised(host: &str, letters: &[u8]) -> String {
    let mut how = letters.iter().cycle();
    host.chars()
        .map(|c| match how.next().copied().unwrap_or(0) % 4 {
            0 => format!("%{:02x}", c as u32),
            1 if c.is_ascii_alphanumeric() => char::from_u32(c as u32 + 0xFEE0)
                .expect("a wide letter")
                .to_string(),
            _ => c.to_string(),
        })
        .collect()
}

fn addresses() -> impl Strategy<Value = u32> {
    let near = |start: u32| (0..0x2_0000_u32).prop_map(move |more| start.wrapping_add(more));
    prop_oneof![
        any::<u32>(),
        near(0x0A00_0000),
        near(0x7F00_0000),
        near(0xAC10_0000),
        near(0xC0A8_0000 - 0x1_0000),
        near(0xA9FE_0000),
        Just(0xA9FE_A9FE),
        Just(0),
        Just(u32::MAX),
    ]
}

/// The verdict, without the URL that it is about.
fn verdict(guard: &Guard, url: &str) -> Result<(), String> {
    match guard.check(url) {
        Ok(()) => Ok(()),
        Err(OutgoingError::Refused { why, .. }) => Err(why),
        Err(other) => panic!("{url}: {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn every_notation_of_an_address_is_judged_the_same(
        address in addresses(),
        parts in 1_usize..=4,
        bases in any::<[u8; 4]>(),
        dot in prop_oneof![Just("."), Just("。"), Just("．"), Just("｡"), Just("%2e")],
        letters in prop::collection::vec(any::<u8>(), 1..8),
        end in prop_oneof![Just(""), Just(".")],
        port in prop_oneof![Just(""), Just(":8443")],
        plain in any::<bool>(),
    ) {
        let scheme = if plain { "http" } else { "https" };
        let usual = Ipv4Addr::from_bits(address);
        let host = dotted(address, parts, bases, dot);
        let v6 = usual.to_ipv6_mapped().segments();
        let hosts = [
            disguised(&dotted(address, parts, bases, "."), &letters) + end,
            host + end,
            format!("[::ffff:{usual}]"),
            format!("[::ffff:{:x}:{:x}]", v6[6], v6[7]),
            format!("[0:0:0:0:0:FFFF:{:04X}:{:04X}]", v6[6], v6[7]),
        ];
        for guard in [Guard::strict(), Guard::parse("10.0.0.0/16, 127.0.0.1").unwrap()] {
            let expected = verdict(&guard, &format!("{scheme}://{usual}{port}/"));
            for host in &hosts {
                let url = format!("{scheme}://{host}{port}/");
                prop_assert_eq!(verdict(&guard, &url), expected.clone(), "{}", url);
            }
        }
    }

    #[test]
    fn only_addresses_outside_all_special_ranges_pass(address in addresses()) {
        let usual = Ipv4Addr::from_bits(address);
        let [a, b, c, _] = usual.octets();
        let inside = usual.is_private() || usual.is_loopback() || usual.is_link_local() || usual.is_multicast()
            || usual.is_documentation() || a == 0 || a >= 240 || (a == 100 && (64..128).contains(&b))
            || (a == 198 && (b == 18 || b == 19)) || (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99)
            || usual == Ipv4Addr::new(168, 63, 129, 16);
        prop_assert_eq!(Guard::strict().check(&format!("https://{usual}/")).is_err(), inside);
    }
}
