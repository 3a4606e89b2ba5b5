//! A record's data: whatever they are, reading and judging them ends, what is read as a danmu is written back the same, and
//! what the gate shows is a text that its author's composer would have sent. A ticket in them is read, too, as if whatever it
//! is signed by were true.

#![no_main]

use danmu::{
    gate::{Gate, Incoming, Reason},
    record::{Content, Unicode, check_text, decode, signed},
    room::{Paces, Room, RoomId, Unsigned},
    session::TicketKey,
    ticket::{Look, MAX_TICKET_BYTES, Proof, PublicKey, Tickets},
};
use libfuzzer_sys::fuzz_target;

/// Without tables: a text has as many graphemes as code points.
const UNICODE: Unicode = Unicode { nfc: str::to_owned, graphemes: |text| text.chars().count() };

fuzz_target!(|data: &[u8]| {
    let room = Room {
        id: RoomId::demo(),
        title: String::new(),
        video: String::new(),
        poster: None,
        unsigned: Unsigned::Allow,
        paces: Paces::default(),
    };
    let mut gate = Gate::new(&room, UNICODE);
    let incoming = Incoming { data, partition_key: "demo", sequence_number: "1", arrival_ms: 0, evidence: None };
    let verdict = gate.admit(incoming);
    match decode(data) {
        Err(_) => assert!(matches!(verdict, Err(Reason::Record(_))), "{verdict:?}"),
        Ok(parsed) => {
            assert!(data.starts_with(parsed.signed), "a signature covers bytes that are not there");
            if let Content::Danmu(danmu) = parsed.content {
                let again = danmu.encode();
                let read = decode(&again).expect("what was written").content;
                assert_eq!(read, Content::Danmu(danmu));
            }
        }
    }
    if let Ok(admitted) = verdict {
        assert_eq!(check_text(&admitted.text, UNICODE), Ok(()), "nobody could have sent it");
        assert_eq!(gate.admit(incoming), Err(Reason::Duplicate));
    }
    if let Some((line, proof)) = signed(data)
        && let Ok(proof) = Proof::parse(proof)
    {
        let mut tickets: Tickets = Tickets::new(vec![TicketKey { kid: "k1".into(), x: PublicKey::new([7; 32]) }], 8);
        if let Ok(Look::New(ticket)) = tickets.look(proof.ticket)
            && let Ok(bearer) = tickets.learn(&ticket)
        {
            assert!(proof.ticket.len() <= MAX_TICKET_BYTES);
            assert_eq!(proof.attach(line.to_vec()), data, "another spelling of the same proof");
            let evidence = Some(&bearer.evidence);
            let _ = Gate::new(&room, UNICODE).admit(Incoming { evidence, ..incoming });
        }
    }
});
