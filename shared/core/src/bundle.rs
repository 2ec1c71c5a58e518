//! What a bundle of code may be, for whoever packs one and whoever unpacks it, and how an uploaded definition names its own.

use std::path::{Component, Path};

use crate::ids::VersionHash;

/// Bytes of a bundle: a tar archive compressed with zstd.
pub const BYTES: u64 = 256 << 20;
/// Bytes of the archive in it.
pub const UNPACKED_BYTES: u64 = 1 << 30;
/// Files, folders and links in it.
pub const ENTRIES: usize = 100_000;

/// What the first line of a definition with a bundle begins with.
const HEADER: &str = "# bundle:";

/// The first line of a definition with this bundle, its end included.
pub fn header(hash: &VersionHash) -> String {
    format!("{HEADER} sha256:{hash}\n")
}

/// Whether a definition begins with a line that names a bundle, right or wrong.
pub fn has_header(definition: &[u8]) -> bool {
    definition.starts_with(HEADER.as_bytes())
}

/// The bundle that a definition names in its first line. An error says what stands there instead of a hash.
pub fn named_by(definition: &[u8]) -> Result<Option<VersionHash>, String> {
    let end = definition.iter().position(|b| matches!(b, b'\n' | b'\r'));
    let line = String::from_utf8_lossy(&definition[..end.unwrap_or(definition.len())]);
    let Some(said) = line.strip_prefix(HEADER) else {
        return Ok(None);
    };
    let said = said.trim();
    let hash = said.strip_prefix("sha256:").and_then(VersionHash::parse);
    let shown: String = said.chars().take(80).collect();
    hash.map(Some)
        .ok_or_else(|| format!("the bundle `{shown}` is not a SHA-256"))
}

/// Whether a link that lies so many folders deep stays inside the bundle. It may go up first, through folders that are none but folders,
/// and then down; after a way down the way up is another one than it seems, for what was passed may be a link.
pub fn link_stays(target: &Path, depth: usize) -> bool {
    let (mut up, mut down) = (0, false);
    for part in target.components() {
        match part {
            Component::Normal(_) => down = true,
            Component::CurDir => {}
            Component::ParentDir if !down => up += 1,
            _ => return false,
        }
    }
    let bytes = target.as_os_str().as_encoded_bytes();
    !bytes.is_empty() && !bytes.contains(&0) && up <= depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_names_the_bundle_that_was_written_into_it() {
        let hash = VersionHash::of(b"code");
        let text = header(&hash) + "name: w\n";
        assert!(has_header(text.as_bytes()));
        assert_eq!(named_by(text.as_bytes()), Ok(Some(hash.clone())));
        let cr = text.replacen('\n', "\r\n", 1);
        assert_eq!(named_by(cr.as_bytes()), Ok(Some(hash)));
        assert_eq!(named_by(b"name: w\n# bundle: sha256:00\n"), Ok(None));
        for wrong in [
            "# bundle:",
            "# bundle: sha256:00",
            "# bundle: md5:00\nname: w\n",
        ] {
            assert!(named_by(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_goes_up_as_far_as_it_is_deep_and_then_down() {
        for (target, depth, stays) in [
            ("a", 0, true),
            ("./a/b", 0, true),
            ("../a", 1, true),
            ("../../a", 2, true),
            ("..", 1, true),
            ("", 0, false),
            ("../a", 0, false),
            ("../../a", 1, false),
            ("/a", 3, false),
            ("a/../b", 3, false),
            ("a\0b", 0, false),
        ] {
            assert_eq!(
                link_stays(Path::new(target), depth),
                stays,
                "{target:?} {depth}"
            );
        }
    }
}
