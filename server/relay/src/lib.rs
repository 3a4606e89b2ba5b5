//! From the stream to viewers, and back: the [relay](relay::Relay) reads the [bus] once and sends what may be shown to any number of
//! viewers of a [room map](rooms::RoomMap); [moderation] puts decisions onto it and applies those that it carries.

pub mod bus;
pub mod moderation;
pub mod relay;
pub mod rooms;
