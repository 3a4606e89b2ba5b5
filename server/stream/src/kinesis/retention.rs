//! `IncreaseStreamRetentionPeriod` and `DecreaseStreamRetentionPeriod`. Control plane; complete when answered.

use std::ops::RangeInclusive;

use super::{Call, Outcome, Output, types::ChangeRetention};
use crate::{
    error::{ApiError, ErrorCode},
    store::Stream,
};

/// The allowed retention, hours: a day to a year.
/// <https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html>
pub(crate) const RETENTION_HOURS: RangeInclusive<u32> = 24..=8760;

/// The direction of a change of retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Increase,
    Decrease,
}

impl Call<'_> {
    pub(super) async fn change_retention(&self, request: &ChangeRetention, change: Change) -> Outcome {
        let stream = self.stream_to_control(request)?;
        let hours = request.retention_period_hours.ok_or_else(|| ApiError::missing("retentionPeriodHours"))?;
        let hours = checked(&stream, hours, change)?;
        self.turn_on(&stream).await?;
        let name = &stream.meta.name;
        self.endpoint.store.set_retention(name, hours).await.map_err(|error| self.store_error(name, error))?;
        Ok(Output::EMPTY)
    }
}

/// Checks that hours are in range and change in the right direction. An unchanged value is no error.
fn checked(stream: &Stream, hours: i64, change: Change) -> Result<u32, ApiError> {
    let now = i64::from(stream.meta.retention_hours);
    let wrong = |message: String| Err(ApiError::new(ErrorCode::InvalidArgument, message));
    let (least, most) = (i64::from(*RETENTION_HOURS.start()), i64::from(*RETENTION_HOURS.end()));
    let asked = format!("Requested retention period ({hours} hours)");
    if hours < least {
        return wrong(format!("Minimum allowed retention period is {least} hours. {asked} is too short."));
    }
    if hours > most {
        return wrong(format!("Maximum allowed retention period is {most} hours. {asked} is too long."));
    }
    let of = format!("{asked} for stream {} can not be", stream.meta.name);
    match change {
        Change::Increase if hours < now => wrong(format!(
            "{of} shorter than existing retention period ({now} hours). Use DecreaseStreamRetentionPeriod API."
        )),
        Change::Decrease if hours > now => wrong(format!(
            "{of} longer than existing retention period ({now} hours). Use IncreaseStreamRetentionPeriod API."
        )),
        _ => u32::try_from(hours).map_err(|_| ApiError::new(ErrorCode::InvalidArgument, asked)),
    }
}
