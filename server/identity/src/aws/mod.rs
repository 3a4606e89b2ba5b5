//! AWS as the server sees it: the [bus], [IAM](iam), and what a session is [called](session_name) there.

pub mod bus;
pub mod iam;
pub mod session_name;
