//! Questions as bytes, within what all of them may take together.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::PATIENCE;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// The most bytes of one question. A valid update can make a review of 17 MB, and junk in it 36 MB.
pub(super) const MOST: usize = 40 * MIB;
/// Up to how many bytes a question is small: nearly all are.
const SMALL: usize = 256 * KIB;
/// How many bytes of small questions there may be at once, and of others.
const BUDGET: (usize, usize) = (16 * MIB, 2 * MOST);

/// Room for questions, in KiB. Small ones have their own: they wait for no large one, which anybody may send.
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
        mut body: Body,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), BodyError> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let most = length.unwrap_or(MOST);
        if most > MOST {
            return Err(BodyError::Long);
        }
        let needed = u32::try_from(most.div_ceil(KIB)).unwrap_or(u32::MAX);
        let room = if most <= SMALL { &self.small } else { &self.large };
        let permit = tokio::time::timeout(PATIENCE, room.acquire_many(needed)).await;
        let permit = permit.map_err(|_| BodyError::Busy)?.map_err(|_| BodyError::Busy)?;
        let read = async {
            // As long as it says, so that it is never there twice; it grows as it comes, since it may say much and send little.
            let mut bytes = Vec::with_capacity(most.min(MIB));
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|_| BodyError::Cut)?.into_data() else { continue };
                if bytes.len() + data.len() > most {
                    return Err(BodyError::Long);
                }
                if bytes.capacity() < bytes.len() + data.len() {
                    let more = (2 * bytes.capacity()).max(data.len()).min(most - bytes.len());
                    bytes.reserve_exact(more);
                }
                bytes.extend_from_slice(&data);
            }
            Ok(bytes)
        };
        let bytes = tokio::time::timeout(PATIENCE, read).await.map_err(|_| BodyError::Cut)??;
        if length.is_some_and(|length| length != bytes.len()) { Err(BodyError::Cut) } else { Ok((bytes, permit)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
