//! How a replica ends: everybody hears of it first, and nobody is cut off.

use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use netintent_tests::raw::{ask, trusting};
use netintent_tests::{Installation, Installed, runtime};

use crate::Result;
use crate::crowd::REVIEW;

fn one() -> Installation {
    Installation { controllers: false, ..Installation::default() }
}

#[test]
fn readiness_goes_first_and_connections_last() -> Result {
    let installed = Installed::start_with(&one())?;
    let (webhook, tls) = (installed.webhook(), trusting(&installed)?);
    let port = webhook.ports().0;
    // A question that is under way: its second half comes when nothing new is taken any more.
    let began = Instant::now();
    webhook.signal("TERM")?;
    installed.until("it says that it ends", || {
        Ok(webhook.observed("/readyz").filter(|text| text.contains(" 503 ") && text.contains("it ends")))
    })?;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let (mut asked, mut refused, mut cut) = (0_u64, false, 0);
    while !refused {
        // Until the kernel has nobody to give a connection to.
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => {
                match runtime()?.block_on(ask(&tls, port, "/derive", REVIEW.as_bytes())) {
                    Ok((200, _)) => asked += 1,
                    // Who comes at the very end may find the door closing.
                    other => {
                        cut += 1;
                        assert!(cut == 1, "{other:?}");
                    }
                }
            }
            Err(_) => refused = true,
        }
    }
    // It said that it takes connections for a quarter of a minute.
    assert!(asked > 10 && began.elapsed() > Duration::from_secs(13), "{asked} in {:?}", began.elapsed());
    let ended = webhook.ended()?;
    assert_eq!((ended.code, ended.undecided), (Some(0), Some(0)));
    assert!(ended.answered.is_some_and(|answered| answered >= asked), "{ended:?}");
    Ok(())
}

#[test]
fn a_second_signal_ends_it_at_once() -> Result {
    let installed = Installed::start_with(&one())?;
    let webhook = installed.webhook();
    webhook.signal("TERM")?;
    installed
        .until("it says that it ends", || Ok(webhook.observed("/readyz").filter(|text| text.contains("it ends"))))?;
    let began = Instant::now();
    webhook.signal("INT")?;
    let ended = webhook.ended()?;
    assert_eq!(ended.code, Some(1));
    assert!(began.elapsed() < Duration::from_secs(5) && ended.answered.is_some(), "{ended:?}");
    Ok(())
}
