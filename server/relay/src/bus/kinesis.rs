//! The bus on Kinesis, embedded or Amazon's: the relay's reader and refill, and `PutRecords`.

use std::time::Duration;

use aws_sdk_kinesis::{error::DisplayErrorContext, primitives::Blob, types::PutRecordsRequestEntry};
use danmu_identity::aws::bus::KinesisBus;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Bus, BusRecord, Put};
use crate::relay::{
    line::refill::source::Stream,
    take::reader::{self, ReaderOptions, ReaderStats, Reading},
};

/// Limit of one put.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most records of one call; the API takes [500](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html).
const TOGETHER: usize = 200;

impl Bus for KinesisBus {
    type Source = Stream;

    fn read(&self, options: ReaderOptions, stop: CancellationToken) -> (mpsc::Receiver<Reading>, ReaderStats) {
        reader::start(self.kinesis.clone(), self.stream.clone(), options, stop)
    }

    async fn read_again(&self, since_ms: i64, tell: mpsc::Sender<Reading>) {
        reader::all_again(&self.kinesis, &self.stream, since_ms, &tell).await;
    }

    fn source(&self) -> Stream {
        Stream(self.clone())
    }

    async fn put(&self, records: Vec<BusRecord>) -> Put {
        let mut put = Put { taken: Vec::with_capacity(records.len()), error: None };
        for some in records.chunks(TOGETHER) {
            let entry = |record: &BusRecord| {
                let entry = PutRecordsRequestEntry::builder().data(Blob::new(record.data.clone()));
                entry
                    .partition_key(&record.partition_key)
                    .build()
                    .unwrap_or_else(|_| unreachable!("both members are set"))
            };
            let call = self.kinesis.put_records().stream_name(&self.stream);
            let call = call.set_records(Some(some.iter().map(entry).collect()));
            match timeout(PATIENCE, call.send()).await {
                Ok(Ok(answer)) => {
                    let refused = answer.records.iter().find_map(|record| record.error_code.clone());
                    put.error = put.error.or(refused);
                    put.taken.extend(answer.records.iter().map(|record| record.error_code.is_none()));
                }
                Ok(Err(error)) => put.error = Some(DisplayErrorContext(&error).to_string()),
                Err(_) => put.error = Some(format!("no answer within {} s", PATIENCE.as_secs())),
            }
            if put.error.is_some() {
                break;
            }
        }
        put.taken.resize(records.len(), false);
        put
    }
}
