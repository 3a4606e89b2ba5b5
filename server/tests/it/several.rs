//! The feeds of several rooms in one response (`/rooms/events`), as a browser with tabs in many rooms asks for them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use aws_sdk_kinesis::primitives::Blob;

use crate::{
    program::{Program, address},
    world::{Failure, Test},
    writers::kinesis,
};

const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'other'\nvideo = ''\nunsigned = \
                     'allow'\n";
/// Before events of another room than before.
const WHOSE: &str = "event: room\nid:\ndata: ";
/// Only ends what hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads on until it has been told that.
fn hear(line: &mut TcpStream, told: &mut String, wanted: &str) -> Test {
    while !told.contains(wanted) {
        let mut bytes = [0; 4_096];
        let count = line.read(&mut bytes)?;
        if count == 0 {
            return Err(format!("it ended before {wanted:?}: {told}").into());
        }
        *told += std::str::from_utf8(&bytes[..count])?;
    }
    Ok(())
}

/// The number of the room that something was said in.
fn whose(told: &str, said: &str) -> Result<String, Failure> {
    let (before, _) = told.split_once(said).ok_or("it was not said")?;
    let (_, number) = before.rsplit_once(WHOSE).ok_or("nobody says whose it is")?;
    Ok(number.chars().take_while(char::is_ascii_digit).collect())
}

/// How a request is answered, whatever follows.
fn status(site: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut line = TcpStream::connect(site)?;
    line.set_read_timeout(Some(PATIENCE))?;
    write!(line, "GET {path} HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
    let mut head = [0; 12];
    line.read_exact(&mut head)?;
    Ok(String::from_utf8_lossy(&head[9..]).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_tells_several_rooms_and_of_each_event_whose_it_is() -> Test {
    let program = Program::start_with(ROOMS, &[])?;
    program.get_ready()?;
    let client = kinesis(&program, &program.stream)?;
    let site = address(&program.url)?;
    let mut line = TcpStream::connect(site)?;
    line.set_read_timeout(Some(PATIENCE))?;
    write!(line, "GET /rooms/events?room=demo&history=50&room=other&history=50 HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
    let mut told = String::new();
    hear(&mut line, &mut told, &[WHOSE, "1\n\nevent: hello\n"].concat())?;
    program.has_viewers(1)?;
    let said = [("demo", "the first"), ("other", "the second"), ("other", "the third"), ("demo", "the fourth")];
    for (room, text) in said {
        let data = Blob::new(text);
        client.put_record().stream_name("danmu").partition_key(room).data(data).send().await?;
        hear(&mut line, &mut told, text)?;
    }
    let numbers = said.map(|(_, text)| whose(&told, text));
    let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(numbers, ["0", "1", "1", "0"], "{told}");
    drop(line);

    let many = ["/rooms/events?", &"room=demo&".repeat(51)].concat();
    assert_eq!(status(site, &many)?, "400", "one request takes no more than 50 places");
    assert_eq!(status(site, "/rooms/events")?, "400");
    assert_eq!(status(site, "/rooms/events?room=demo&room=nowhere")?, "404");
    Ok(())
}

#[test]
fn each_of_several_rooms_takes_the_place_of_a_viewer() -> Test {
    let program = Program::start(&[("DANMU_HTTP__MAX_CONNECTIONS", "10"), ("DANMU_HTTP__NETWORK_PERCENT", "100")])?;
    program.get_ready()?;
    let site = address(&program.url)?;
    let rooms = |count: usize| format!("/rooms/events?{}", vec!["room=demo"; count].join("&"));
    assert_eq!(status(site, &rooms(3))?, "200");
    assert_eq!(status(site, &rooms(30))?, "503", "more than there are places");
    Ok(())
}
