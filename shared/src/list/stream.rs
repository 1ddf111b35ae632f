//! Every connection, one after the other.

use super::lister::overlay;
use super::shadow::Enforced;
use super::{Connection, Entry, Filter, Lister};
use crate::connection::PortSetId;
use crate::policy::Direction;
use crate::snapshot::Snapshot;

/// Gives every connection that the filter wants to `emit`: from the outside first, then by source and destination.
///
/// # Errors
/// The first error of `emit`, which ends the listing.
pub fn list<E>(
    snapshot: &Snapshot,
    filter: &Filter,
    emit: &mut dyn FnMut(&Connection<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut lister = Lister::new(snapshot);
    let enforced = Enforced::snapshot(snapshot);
    let mut enforced = enforced.as_ref().map(Enforced::new);
    if !filter.declared {
        for workload in (0..snapshot.workloads.len()).filter(|w| filter.wants(None, Some(*w))) {
            lister.list_external(Direction::Ingress, workload, enforced.as_ref(), emit)?;
        }
    }
    for source in 0..snapshot.workloads.len() {
        if filter.from.as_ref().is_some_and(|set| !set[source]) {
            continue;
        }
        lister.list_row(source, filter, enforced.as_mut(), emit)?;
        if !filter.declared && filter.wants(Some(source), None) {
            lister.list_external(Direction::Egress, source, enforced.as_ref(), emit)?;
        }
    }
    Ok(())
}

impl Lister<'_> {
    fn list_external<E>(
        &self,
        direction: Direction,
        workload: usize,
        enforced: Option<&Enforced<'_>>,
        emit: &mut dyn FnMut(&Connection<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in self.external(direction, workload) {
            let would_cut = enforced.map(|then| part.1.difference(&then.outside(direction, workload, &part.0)));
            let mut connection = self.external_connection(direction, workload, part);
            connection.would_cut = would_cut.unwrap_or_default();
            emit(&connection)?;
        }
        Ok(())
    }

    fn list_row<E>(
        &mut self,
        source: usize,
        filter: &Filter,
        enforced: Option<&mut Enforced<'_>>,
        emit: &mut dyn FnMut(&Connection<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let entries = if filter.own { self.row_with_own(source) } else { self.row(source) };
        let declared = self.declarations.of_workload(source);
        let then = enforced.map(|then| then.row(source, filter));
        let mut entries = entries.iter().peekable();
        let mut declared = declared.iter().peekable();
        loop {
            // Both are in order of the destination; what is declared but wholly cut has no entry.
            let next = match (entries.peek(), declared.peek()) {
                (None, None) => return Ok(()),
                (Some(e), None) => e.workload,
                (None, Some(d)) => d.workload,
                (Some(e), Some(d)) => e.workload.min(d.workload),
            };
            let entry = entries.next_if(|e| e.workload == next);
            let overlaid = declared.next_if(|d| d.workload == next);
            let own = next as usize == source;
            let unwanted = (own && !filter.own) || (filter.declared && overlaid.is_none());
            // Without an entry there is nothing allowed: shown only among what is declared.
            if unwanted || (entry.is_none() && !filter.declared) || !filter.wants(Some(source), Some(next as usize)) {
                continue;
            }
            let cut = Entry { workload: next, every: PortSetId::NONE, some: PortSetId::NONE };
            let (declared, approved) = overlay(overlaid);
            let mut connection = self.connection(source, entry.unwrap_or(&cut), declared, approved);
            if let Some(then) = &then {
                connection.would_cut = connection.ports.difference(&then.ports_of(next));
            }
            if filter.declared {
                connection.would_cut = connection.would_cut.intersection(&connection.declared);
                connection.ports = connection.ports.intersection(&connection.declared);
                connection.in_part = connection.in_part.intersection(&connection.declared);
            }
            emit(&connection)?;
        }
    }
}
