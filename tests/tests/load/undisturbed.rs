//! The yardstick: nothing goes on beside the load.

use crate::Result;
use crate::stand::{Stand, shared, since, turn};

#[test]
fn an_undisturbed_webhook_loses_nothing() -> Result {
    let _turn = turn();
    let stand = Stand::new(shared()?, "undisturbed")?;
    let before = stand.admissions()?;
    let (tally, ()) = stand.load(|_| Ok(()))?;
    tally.assert_right();
    assert_eq!(tally.answers.len(), 3000);
    assert_eq!(since(&before, &stand.admissions()?), tally.implied(|_| true));
    stand.clean()
}
