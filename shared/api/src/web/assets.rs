//! Styles and scripts, inside the program: named by their content, so that a browser keeps them for good.

use std::borrow::Cow;
use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use ork_core::ids::VersionHash;

use crate::Problem;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

struct Asset {
    /// With a mark of its content: `ork-0123456789ab.css`.
    name: String,
    kind: &'static str,
    plain: Cow<'static, [u8]>,
    packed: Vec<u8>,
}

/// Where the pages find what they need.
pub(crate) struct Assets {
    all: Vec<Asset>,
}

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../assets/", $name)).as_slice()
    };
}

/// All of them; packed once.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    all: vec![
        asset("ork", "css", CSS, file!("ork.css")),
        asset("ork", "svg", SVG, file!("ork.svg")),
        asset("drawings", "css", CSS, ork_graph::style().into_bytes()),
        asset("htmx", "js", SCRIPT, file!("htmx.min.js")),
        asset("htmx-sse", "js", SCRIPT, file!("htmx-sse.min.js")),
        asset("drop", "js", SCRIPT, file!("drop.js")),
        asset("zoom", "js", SCRIPT, file!("zoom.js")),
    ],
});

fn asset(stem: &str, end: &str, kind: &'static str, plain: impl Into<Cow<'static, [u8]>>) -> Asset {
    let plain = plain.into();
    Asset {
        name: format!("{stem}-{}.{end}", VersionHash::of(&plain).short()),
        kind,
        packed: gzip(&plain, Compression::best()),
        plain,
    }
}

/// `bytes` as gzip has them.
pub(crate) fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), level);
    packer
        .write_all(bytes)
        .and_then(|()| packer.finish())
        .expect("writing to memory does not fail")
}

/// Whether whoever asks can unpack gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(ACCEPT_ENCODING).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| {
            let mut parts = one.split(';').map(str::trim);
            let names_it = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            names_it
                && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

impl Assets {
    /// The address of the asset that is called so without its mark.
    fn at(&self, stem: &str, end: &str) -> String {
        let fits = |asset: &&Asset| {
            asset.name.strip_prefix(stem).is_some_and(|rest| {
                // A dash, twelve digits of the mark, a dot, the end.
                rest.len() == end.len() + 14 && rest.starts_with('-') && rest.ends_with(end)
            })
        };
        let found = self.all.iter().find(fits);
        format!(
            "/assets/{}",
            found.expect("templates only name what there is").name
        )
    }
    pub(crate) fn style(&self) -> String {
        self.at("ork", "css")
    }
    /// How drawings look, for the pages that have some.
    pub(crate) fn drawings(&self) -> String {
        self.at("drawings", "css")
    }
    pub(crate) fn script(&self, stem: &str) -> String {
        self.at(stem, "js")
    }
    pub(crate) fn icon(&self) -> String {
        self.at("ork", "svg")
    }
}

/// An asset by its name with its mark.
pub(crate) async fn serve(
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(asset) = ASSETS.all.iter().find(|asset| asset.name == file) else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "this page is of another version of Ork: load it again",
        ));
    };
    Ok(answer(asset, &headers))
}

/// What browsers ask for without being told.
pub(crate) async fn icon(headers: HeaderMap) -> Response {
    let icon = ASSETS.all.iter().find(|asset| asset.kind == SVG);
    answer(icon.expect("there is one"), &headers)
}

fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let kept = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (VARY, "accept-encoding"),
    ];
    if takes_gzip(headers) {
        (kept, [(CONTENT_ENCODING, "gzip")], asset.packed.clone()).into_response()
    } else {
        (kept, asset.plain.clone().into_owned()).into_response()
    }
}
