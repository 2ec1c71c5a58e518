//! Which traces are recorded. Whether a run is follows from its id alone, so that everybody decides alike.

use crate::ids::TraceId;

/// The samplers of `OTEL_TRACES_SAMPLER` that there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// The part of the traces that are recorded, from 0 to 1.
    ratio: f64,
    /// Whether a request that comes with a decision is recorded by that.
    parent_based: bool,
}

// A ratio is a number, never NaN.
impl Eq for Sampler {}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            ratio: 1.0,
            parent_based: false,
        }
    }
}

impl Sampler {
    /// The sampler called `name`, with its argument.
    pub(crate) fn read(name: &str, argument: Option<&str>) -> Result<Self, (&'static str, String)> {
        const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
        let (parent_based, plain) = match name.strip_prefix("parentbased_") {
            Some(plain) => (true, plain),
            None => (false, name),
        };
        let ratio = match plain {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => {
                let text = argument.unwrap_or("1");
                match text.parse::<f64>() {
                    Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
                    _ => {
                        return Err((
                            ARGUMENT,
                            format!("is `{text}`, which is no number from 0 to 1"),
                        ));
                    }
                }
            }
            _ => {
                return Err((
                    "OTEL_TRACES_SAMPLER",
                    format!(
                        "is `{name}`, which is not always_on, always_off, traceidratio or one of them with parentbased_ before it"
                    ),
                ));
            }
        };
        Ok(Self {
            ratio,
            parent_based,
        })
    }

    /// Whether a trace without a parent is recorded: by the second half of its id, as OpenTelemetry's SDKs do it.
    pub fn records(&self, trace: TraceId) -> bool {
        let [_, _, _, _, _, _, _, _, half @ ..] = trace.0;
        let number = u64::from_be_bytes(half) >> 1;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a bound for the 63 bits of a number that is as good as random"
        )]
        let part = number as f64 / (1_u64 << 63) as f64;
        self.ratio >= 1.0 || part < self.ratio
    }

    /// The same for a request that may have come with a decision.
    pub fn records_request(&self, trace: TraceId, decided: Option<bool>) -> bool {
        match decided {
            Some(decided) if self.parent_based => decided,
            _ => self.records(trace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_all_traces_is_recorded_always_the_same() {
        let quarter = Sampler::read("traceidratio", Some("0.25")).expect("a sampler");
        let traces = (0..1_000_u64).map(|n| {
            let mut id = [1; 16];
            id[8..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            TraceId(id)
        });
        let kept = traces.filter(|trace| quarter.records(*trace)).count();
        assert!((230..270).contains(&kept), "{kept} of 1,000");
        let (all, none) = (TraceId([0xff; 16]), TraceId([1; 16]));
        assert!(Sampler::default().records(all));
        let off = Sampler::read("always_off", None).expect("a sampler");
        assert!(!off.records(none));
        assert!(!off.records_request(none, Some(true)));
        let parent = Sampler::read("parentbased_always_off", None).expect("a sampler");
        assert!(parent.records_request(none, Some(true)));
        assert!(!parent.records_request(none, None));
    }

    #[test]
    fn what_is_no_sampler_is_said() {
        let (variable, why) = Sampler::read("jaeger_remote", None).expect_err("none of ours");
        assert_eq!(variable, "OTEL_TRACES_SAMPLER");
        assert!(why.contains("jaeger_remote"), "{why}");
        for wrong in ["-1", "1.5", "NaN", "half", ""] {
            let (variable, why) = Sampler::read("traceidratio", Some(wrong)).expect_err(wrong);
            assert_eq!(variable, "OTEL_TRACES_SAMPLER_ARG");
            assert!(why.contains(wrong), "{why}");
        }
    }
}
