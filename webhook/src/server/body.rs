//! Questions as bytes, within what all of them may take together.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::PATIENCE;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// How long a question waits for room.
const WAIT: Duration = Duration::from_secs(4);
/// The most bytes of one question. A valid update can make a review of 17 MB, and junk in it 36 MB.
pub(super) const MOST: usize = 40 * MIB;
/// Up to how many bytes a question takes no room of others: nearly all are so short, and there are only so many at once.
const SHORT: usize = 32 * KIB;
/// Up to how many bytes it is small.
const SMALL: usize = 256 * KIB;
/// How many bytes of small questions there may be at once, and of large ones.
const BUDGET: (usize, usize) = (16 * MIB, 2 * MOST);

/// Room for questions, in KiB. It is taken as their bytes come, whatever is said of how many there will be: saying costs
/// nothing. Small ones have their own, so that they wait for no large one.
#[derive(Debug)]
pub(super) struct Room {
    small: Semaphore,
    large: Semaphore,
}

impl Default for Room {
    fn default() -> Self {
        Self { small: Semaphore::new(BUDGET.0 / KIB), large: Semaphore::new(BUDGET.1 / KIB) }
    }
}

/// Why a question was not read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is too long.
    #[error("the request has more than {MOST} bytes")]
    Long,
    /// There are too many others.
    #[error("too many requests at once")]
    Busy,
    /// The client did not send all of it.
    #[error("the request did not arrive as a whole")]
    Cut,
}

impl Room {
    /// Reads all of a question, and keeps its room as long as the second value lives.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Vec<u8>, Option<SemaphorePermit<'_>>), BodyError> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > MOST) {
            return Err(BodyError::Long);
        }
        let read = self.pieces(length.unwrap_or(MOST), body);
        let (bytes, permit) = tokio::time::timeout(PATIENCE, read).await.map_err(|_| BodyError::Cut)??;
        if length.is_some_and(|length| length != bytes.len()) { Err(BodyError::Cut) } else { Ok((bytes, permit)) }
    }

    async fn pieces(&self, most: usize, mut body: Body) -> Result<(Vec<u8>, Option<SemaphorePermit<'_>>), BodyError> {
        let (mut bytes, mut permit, mut held) = (Vec::with_capacity(most.min(SHORT)), None, Grade::Short);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Cut)?.into_data() else { continue };
            let needed = bytes.len() + data.len();
            if needed > most {
                return Err(BodyError::Long);
            }
            let grade = Grade::of(needed);
            if grade > held {
                // For all that it may become, so that of many none waits for more while the others do.
                let (room, whole) =
                    if grade == Grade::Small { (&self.small, SMALL.min(most)) } else { (&self.large, most) };
                let kib = u32::try_from(whole.div_ceil(KIB)).unwrap_or(u32::MAX);
                let taken = tokio::time::timeout(WAIT, room.acquire_many(kib)).await;
                permit = Some(taken.map_err(|_| BodyError::Busy)?.map_err(|_| BodyError::Busy)?);
                held = grade;
                // In one piece, so that it is never there twice; what is not written to takes no memory.
                bytes.reserve_exact(whole - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        Ok((bytes, permit))
    }
}

/// How long a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Short,
    Small,
    Large,
}

impl Grade {
    fn of(length: usize) -> Self {
        if length <= SHORT {
            Self::Short
        } else if length <= SMALL {
            Self::Small
        } else {
            Self::Large
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that begins and does not go on.
    fn silence() -> impl futures::Stream<Item = Result<Vec<u8>, std::io::Error>> {
        futures::stream::pending()
    }

    async fn read(length: Option<usize>, bytes: Vec<u8>) -> Result<usize, BodyError> {
        let mut headers = HeaderMap::new();
        headers.extend(length.map(|length| (header::CONTENT_LENGTH, length.into())));
        Room::default().read(&headers, Body::from(bytes)).await.map(|(bytes, _)| bytes.len())
    }

    #[tokio::test]
    async fn a_question_is_whole_or_none() {
        assert_eq!(read(Some(3 * MIB), vec![0; 3 * MIB]).await, Ok(3 * MIB));
        assert_eq!(read(None, vec![0; 3 * MIB]).await, Ok(3 * MIB));
        assert_eq!(read(Some(4), vec![0; 3]).await, Err(BodyError::Cut));
        assert_eq!(read(Some(MOST + 1), vec![]).await, Err(BodyError::Long));
        assert_eq!(read(None, vec![0; MOST + 1]).await, Err(BodyError::Long));
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_hears_it_in_time() {
        let (room, mut headers) = (Room::default(), HeaderMap::new());
        headers.insert(header::CONTENT_LENGTH, MOST.into());
        let mut kept = Vec::new();
        for _ in 0..BUDGET.1 / MOST {
            kept.push(room.read(&headers, Body::from(vec![0; MOST])).await.unwrap());
        }
        assert_eq!(room.read(&headers, Body::from(vec![0; MOST])).await.unwrap_err(), BodyError::Busy);
        // Who sends little has room all the same.
        headers.insert(header::CONTENT_LENGTH, SMALL.into());
        assert!(room.read(&headers, Body::from(vec![0; SMALL])).await.is_ok());
        headers.insert(header::CONTENT_LENGTH, MOST.into());
        kept.pop();
        assert!(room.read(&headers, Body::from(vec![0; MOST])).await.is_ok());
    }

    /// Who says much and sends nothing takes nothing.
    #[tokio::test(start_paused = true)]
    async fn claims_take_no_room() {
        let (room, mut headers) = (Room::default(), HeaderMap::new());
        headers.insert(header::CONTENT_LENGTH, MOST.into());
        let silent = futures::future::join_all((0..200).map(|_| room.read(&headers, Body::from_stream(silence()))));
        let mut honest = HeaderMap::new();
        honest.insert(header::CONTENT_LENGTH, (2 * SMALL).into());
        tokio::select! {
            read = room.read(&honest, Body::from(vec![0; 2 * SMALL])) => assert!(read.is_ok()),
            _ = silent => panic!("nobody waits for them"),
        }
    }
}
