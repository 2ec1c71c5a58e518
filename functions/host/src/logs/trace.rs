//! The trace a request belongs to, from its headers.

use axum::http::HeaderMap;

/// Where a request stands in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 hexadecimal digits.
    pub trace: String,
    /// 16 hexadecimal digits.
    pub span: String,
    /// Whether the trace is kept.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads `traceparent`, or else `X-Cloud-Trace-Context`. What is not right is not there.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        text("traceparent")
            .and_then(Self::w3c)
            .or_else(|| text("x-cloud-trace-context").and_then(Self::google))
    }

    /// `00-<32 digits>-<16 digits>-<2 digits>`; later versions may say more.
    fn w3c(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let fits = is_hex(version, 2)
            && version != "ff"
            && (version != "00" || parts.next().is_none())
            && is_id(trace, 32)
            && is_id(span, 16)
            && is_hex(flags, 2);
        let flags = u8::from_str_radix(flags, 16).ok()?;
        fits.then(|| Self {
            trace: trace.to_owned(),
            span: span.to_owned(),
            sampled: flags & 1 == 1,
        })
    }

    /// `<32 digits>/<decimal span>;o=<0 or 1>`; the last part may be missing.
    fn google(text: &str) -> Option<Self> {
        let (trace, rest) = text.split_once('/')?;
        let (span, options) = rest.split_once(";o=").unwrap_or((rest, "0"));
        let span = format!("{:016x}", span.parse::<u64>().ok()?);
        let trace = trace.to_ascii_lowercase();
        (is_id(&trace, 32) && is_id(&span, 16)).then_some(Self {
            trace,
            span,
            sampled: options == "1",
        })
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Not all zeroes, which means that there is none.
fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|b| b != b'0')
}
