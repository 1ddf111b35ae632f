//! Clients of the webhook that are no API server: garbage, half a question, one that is too large, and plain HTTP.
//!
//! All in one load, again and again by turns, to each replica: what one of them did to the load would show as a loss, and
//! the log tells whose turn it was.

use netintent_tests::{Installed, runtime};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::stand::{SPAN, Stand, add, shared, since, turn};
use netintent_tests::raw::{connect, head, rest, secure, status, trusting};

/// How many bytes a body may have at most.
const MAX_BODY: usize = 40 << 20;

/// What a nuisance comes to.
#[derive(Debug, Default)]
struct Counts {
    /// Questions that were counted as not decided, by the registration of their path.
    undecided: u64,
    /// Connections that never came to speak TLS.
    handshakes: u64,
}

#[test]
fn clients_that_send_nonsense_cost_nobody_anything() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let stand = Stand::new(installed, "nuisances")?;
    let before = stand.admissions()?;
    let handshakes = handshake_failures(installed)?;
    let began = std::time::Instant::now();
    let (tally, counts) = stand.load(|_| {
        let tls = trusting(installed)?;
        let mut counts = Counts::default();
        let mut rounds = 0;
        // One more may last longer than what is left; the load goes on as long.
        while began.elapsed() < SPAN {
            for replica in installed.replicas().iter().filter(|replica| replica.runs()) {
                runtime()?.block_on(round(&tls, replica.ports().0, &mut counts))?;
            }
            rounds += 1;
        }
        assert!(rounds >= 3, "only {rounds} rounds in {SPAN:?}");
        Ok(counts)
    })?;
    tally.assert_right();
    // What the nuisances asked was not decided, and all that the API server asked was.
    let mut implied = tally.implied(|_| true);
    add(&mut implied, &[(("guard".to_owned(), "error".to_owned()), counts.undecided)].into());
    assert_eq!(since(&before, &stand.admissions()?), implied, "{counts:?}");
    assert_eq!(handshake_failures(installed)? - handshakes, counts.handshakes);
    stand.clean()
}

fn handshake_failures(installed: &Installed) -> Result<u64> {
    let running = installed.replicas().iter().filter(|replica| replica.runs());
    Ok(running.map(|replica| replica.counted("handshake_failures", "")).sum::<std::result::Result<_, _>>()?)
}

/// Each nuisance once.
async fn round(tls: &TlsConnector, port: u16, counts: &mut Counts) -> Result {
    // Bytes that are no TLS: from none at all to a megabyte, and what looks like the beginning of a handshake.
    let long = vec![0xff; 1 << 20];
    let garbage: [&[u8]; 5] = [b"", b"\0", b"\x16\x03\x01\xff\xff", &long, b"SSH-2.0-nobody\r\n"];
    for bytes in garbage {
        let mut stream = connect(port).await?;
        // It may be closed before it has read all.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let answer = rest(&mut stream).await?;
        // Nothing but an alert, if anything.
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
        counts.handshakes += 1;
    }
    // Plain HTTP to where TLS is spoken.
    let mut stream = connect(port).await?;
    stream.write_all((head("/guard", 2) + "{}").as_bytes()).await?;
    let answer = rest(&mut stream).await?;
    assert!(status(&answer) == 0 && (answer.is_empty() || answer[0] == 0x15), "{answer:?}");
    counts.handshakes += 1;
    // TLS, and then no HTTP.
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", &long, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense"] {
        let mut stream = secure(tls, port).await?;
        let _ = stream.write_all(bytes).await;
        let _ = stream.flush().await;
        let answer = rest(&mut stream).await?;
        assert!(matches!(status(&answer), 0 | 400 | 431), "{}", String::from_utf8_lossy(&answer));
    }
    // JSON that is no question.
    for body in ["", "{", "null", "{\"request\":{\"uid\":7}}"] {
        let (status, _) = netintent_tests::raw::ask(tls, port, "/guard", body.as_bytes()).await?;
        assert_eq!(status, 400, "{body:?}");
        counts.undecided += 1;
    }
    // Larger than any that is read: refused by what it says of itself, before any of it is.
    let mut stream = secure(tls, port).await?;
    stream.write_all(head("/guard", MAX_BODY + 1).as_bytes()).await?;
    assert_eq!(status(&rest(&mut stream).await?), 413);
    counts.undecided += 1;
    // Half of one, as large as may be: it is told so, or finds that nobody waits any longer.
    let mut half = secure(tls, port).await?;
    half.write_all((head("/guard", MAX_BODY) + "{\"request\":").as_bytes()).await?;
    half.flush().await?;
    assert_eq!(status(&rest(&mut half).await?), 400);
    counts.undecided += 1;
    // Half of one whose client has gone.
    let mut gone = secure(tls, port).await?;
    gone.write_all((head("/guard", 1000) + "{\"request\":").as_bytes()).await?;
    gone.shutdown().await?;
    rest(&mut gone).await?;
    counts.undecided += 1;
    Ok(())
}
