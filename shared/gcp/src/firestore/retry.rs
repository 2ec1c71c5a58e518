//! Reads and queries are asked again; commits never.

use std::time::Duration;

use super::error::credentials_failed;
use super::tonic::{Code, Status};

/// Before the second and the third attempt of a read.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];

/// Asks again when the answer did not come for reasons that may pass.
pub(super) async fn retried<T, F: Future<Output = Result<T, Status>>>(
    ask: impl Fn() -> F,
) -> Result<T, Status> {
    for pause in PAUSES {
        match ask().await {
            Err(status) if may_pass(&status) => tokio::time::sleep(pause).await,
            answer => return answer,
        }
    }
    ask().await
}

fn may_pass(status: &Status) -> bool {
    let passing = matches!(
        status.code(),
        Code::Unavailable | Code::Internal | Code::Unknown | Code::Aborted | Code::Cancelled
    );
    passing && credentials_failed(status).is_none_or(|lasting| !lasting)
}
