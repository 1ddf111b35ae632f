//! A rolling restart, as a Deployment does it: a new replica is there before an old one is told to end.

use netintent_tests::{Admissions, Ended, Installed};

use crate::Result;
use crate::stand::{Stand, add, shared, since, turn};

/// A replica that was ended: what it had counted when it was looked at last, and what it said at its end.
type Gone = (Admissions, Ended);

#[test]
fn a_rolling_restart_loses_nothing() -> Result {
    let _turn = turn();
    let installed = shared()?;
    let balancer = installed.balancer().ok_or("no balancer")?;
    let stand = Stand::new(installed, "rolling")?;
    let before = stand.admissions()?;
    let refused = balancer.refused();
    let (tally, gone) = stand.load(|_| {
        // The third place is the one that a new replica has beside the old ones.
        let gone: Vec<Gone> = vec![replace(installed, 2, 0)?, replace(installed, 0, 1)?];
        Ok(gone)
    })?;
    tally.assert_right();
    assert_eq!(balancer.refused(), refused, "connections found nobody");
    let mut counted = stand.admissions()?;
    let implied = tally.implied(|_| true);
    let mut answered = total(&counted);
    for (last, ended) in &gone {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        add(&mut counted, last);
        answered +=
            ended.answered.zip(ended.undecided).map(|(a, u)| a + u).ok_or("it did not say what it had counted")?;
        // As many as before the load, and none since.
        assert_eq!(ended.undecided, Some(last.iter().filter(|((_, o), _)| o == "error").map(|(_, n)| n).sum()));
    }
    // To the last question: what a replica answered after it was looked at last is in what it said at its end.
    assert_eq!(answered - total(&before), total(&implied), "{gone:?}");
    // By registration it was looked at, and some may have come since.
    let counted = since(&before, &counted);
    for (key, count) in &counted {
        assert!(implied.get(key).is_some_and(|all| count <= all), "{key:?}: {counted:?} of {implied:?}");
    }
    stand.clean()
}

/// Starts one and ends another, in order.
fn replace(installed: &Installed, new: usize, old: usize) -> Result<Gone> {
    let (new, old) = (&installed.replicas()[new], &installed.replicas()[old]);
    new.run()?;
    installed.wait_until_ready()?;
    old.signal("TERM")?;
    let mut last = old.admissions()?;
    // It can be looked at until it is about to end.
    installed.until("the old replica is gone", || match old.admissions() {
        Ok(admissions) => {
            last = admissions;
            Ok(None)
        }
        Err(_) => Ok(Some(())),
    })?;
    Ok((last, old.ended()?))
}

fn total(admissions: &Admissions) -> u64 {
    admissions.values().sum()
}
