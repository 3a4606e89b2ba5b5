//! The peer: a loop that reads and writes, and sends everybody away without having looked at what they want. Nothing that answers
//! over HTTP, in this system and by one call for each, costs less.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener as Listener},
    process::{Child, Stdio},
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

use crate::{
    kit::Failure,
    subject::{Core, alone},
};

/// What tells this program to be the peer.
pub const ARGUMENT: &str = "--bare";

const ANSWER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 5\r\n\
                        content-length: 34\r\n\r\n{\"TooMany\":{\"retry_after_s\":   5}}";
const LISTENER: Token = Token(usize::MAX);

/// A process of its own; ends with this value.
pub struct Bare {
    process: Child,
    pub addr: SocketAddr,
}

impl Bare {
    /// On the server's core.
    pub fn start() -> Result<Self, Failure> {
        let addr = Listener::bind("127.0.0.1:0")?.local_addr()?;
        let program = std::env::current_exe()?.display().to_string();
        let process =
            alone(Core::Server, &program).arg(ARGUMENT).arg(addr.to_string()).stderr(Stdio::inherit()).spawn()?;
        let bare = Self { process, addr };
        crate::subject::answers(addr)?;
        Ok(bare)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers there until it is killed. Each request comes whole, and is answered at once.
pub fn run(addr: &str) -> Result<(), Failure> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1_024));
    let mut listener = TcpListener::bind(addr.parse()?)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut streams, mut bytes) = (Vec::<TcpStream>::new(), [0; 4_096]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, Token(streams.len()), Interest::READABLE)?;
                    streams.push(stream);
                }
                continue;
            }
            let stream = &mut streams[event.token().0];
            match stream.read(&mut bytes) {
                Ok(read) if read > 0 => stream.write_all(ANSWER)?,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                _ => {}
            }
        }
    }
}
