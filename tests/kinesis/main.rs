//! The Kinesis client against its references: AWS' signing suite and signer, a virtual stream that fails in every way
//! it may, and a time of its own.

mod driver;
mod kinesis_client;
mod kinesis_machine;
mod kinesis_pace;
mod kinesis_producer;
mod kinesis_reader;
mod kinesis_shards;
mod kinesis_signer;
mod model;
mod world;
