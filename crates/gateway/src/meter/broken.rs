//! An answer whose making panicked: a defect of ours, which costs this answer and nothing else.

use super::{Metered, Stage};
use crate::upstream::{AnswerBody, Cut};
use portcullis_fault::{Defect, codes, defect};

impl Metered {
    /// Ends it: as a refusal where nothing was sent, otherwise as one that was cut. What is in the middle of a step is not
    /// asked for another; what it knows of usage is still worth something.
    pub(super) fn broken(&mut self, defect: &Defect) {
        let cut = Cut::new(codes::INTERNAL, defect.to_string());
        (self.source, self.revoked) = (AnswerBody::Ended, None);
        let read = self.reading.take().and_then(|reading| defect::catch(|| reading.usage()).ok());
        if let (Some(recording), Some(_)) = (&mut self.recording, &read) {
            recording.record.usage = read;
        }
        if matches!(self.stage, Stage::Looking) {
            // Said, logged and recorded like any other refusal.
            (self.held, self.next) = (None, None);
            self.stage = Stage::Stillborn(cut);
            return;
        }
        let id = self.recording.as_ref().map(|recording| recording.record.id.to_string());
        tracing::error!(request_id = id, %defect, "the making of an answer panicked; it was cut");
        // It may have been the closing of the record that panicked.
        let is_open = self.recording.as_ref().is_some_and(|recording| recording.is_open());
        if matches!(self.stage, Stage::Flowing) && is_open {
            self.finish(Some(cut));
        } else {
            // Whether the record is there is not known, so what is held is not released.
            (self.held, self.next) = (None, None);
            self.stage = Stage::Over;
            self.error = Some(cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{Body, Kind};
    use crate::measure::Meters;
    use crate::meter::{Answer, watch};
    use crate::record::{Accepted, Ending, Keeper, Recording};
    use crate::trace::Trace;
    use bytes::Bytes;
    use http::{HeaderMap, Response};
    use http_body::{Body as _, Frame};
    use portcullis_fault::Fault;
    use portcullis_model::record::{Outcome, Record};
    use portcullis_model::{RequestId, Timestamp};
    use portcullis_net::accept::Connection;
    use portcullis_store::spool::{Spool, SpoolOptions, SpoolReader};
    use std::net::SocketAddr;
    use std::pin::Pin;
    use std::sync::Arc;

    struct Desk {
        keeper: Arc<Keeper>,
        reader: SpoolReader,
        _directory: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (spool, reader) = Spool::open(directory.path(), SpoolOptions::default()).unwrap();
            let keeper = Arc::new(Keeper { spool, spans: None, unrouted: Arc::new(Meters::new("", "")) });
            Self { keeper, reader, _directory: directory }
        }

        fn open(&self) -> Box<Recording> {
            let at = Timestamp::from_seconds(1_000_000);
            let accepted = Accepted {
                id: RequestId::new(at, [1; 10]),
                at,
                trace: Trace::of(&HeaderMap::new(), ([1; 16], [1; 8]), None),
                method: "GET".into(),
                path: "/".to_owned(),
                source: "127.0.0.1".to_owned(),
            };
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            Recording::open(self.keeper.clone(), Arc::new(Connection::new("gateway", peer)), accepted)
        }

        /// The one record that there is.
        async fn record(&mut self) -> Record {
            let batch = self.reader.try_next(10).await.unwrap();
            assert_eq!(batch.len(), 1);
            let record = serde_json::from_slice(batch.records().next().unwrap()).unwrap();
            self.reader.commit(&batch);
            record
        }
    }

    /// So many pieces, and then a panic.
    fn pieces(good: usize) -> Answer {
        let mut left = good;
        let made = std::iter::from_fn(move || {
            left = left.checked_sub(1).expect("what it says is nobody's business");
            Some(Bytes::from_static(b"piece"))
        });
        let mut answer = Answer::local(Response::new(()).into_parts().0, Bytes::new());
        answer.body = AnswerBody::Made(Box::new(made));
        answer
    }

    async fn next(body: &mut Body) -> Option<Result<Bytes, Cut>> {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap()))
    }

    #[tokio::test]
    async fn before_anything_was_sent_it_is_a_refusal() {
        let mut desk = Desk::new();
        for good in [0, 1] {
            let Err((fault, recording)) = watch(pieces(good), desk.open()).await else { panic!("{good}") };
            assert_eq!(fault.code(), codes::INTERNAL);
            assert!(!fault.private_context().unwrap().contains("nobody's business"));
            assert!(recording.is_open(), "whoever refuses it closes the record");
            drop(recording);
            desk.record().await;
        }
    }

    #[tokio::test]
    async fn after_that_it_is_cut_and_recorded() {
        let mut desk = Desk::new();
        let mut body = watch(pieces(4), desk.open()).await.unwrap_or_else(|_| panic!()).into_body();
        // The panic comes when the piece after the last good one is asked for.
        for _ in 0..4 {
            assert_eq!(next(&mut body).await.unwrap().unwrap(), "piece");
        }
        let cut = next(&mut body).await.unwrap().unwrap_err();
        assert_eq!(cut.code, codes::INTERNAL);
        assert!(next(&mut body).await.is_none());
        drop(body);
        let record = desk.record().await;
        assert_eq!((record.outcome, record.code.as_deref()), (Outcome::Cut, Some("internal")));
        assert_eq!((record.status, record.bytes_out), (200, 20));
        let detail = record.detail.unwrap();
        assert!(detail.contains("panicked") && !detail.contains("nobody's business"), "{detail}");
    }

    /// What is held until the record is there does not go out when it was the record's closing that panicked.
    #[tokio::test]
    async fn what_is_held_is_not_released_without_its_record() {
        let desk = Desk::new();
        for closed in [false, true] {
            let mut body = watch(pieces(4), desk.open()).await.unwrap_or_else(|_| panic!()).into_body();
            let Kind::Metered(metered) = &mut body.0 else { panic!("it is watched") };
            metered.held = Some(Frame::data(Bytes::from_static(b"held")));
            if closed {
                let _ = metered.recording.as_mut().unwrap().close(Ending::Completed);
            }
            metered.broken(&Defect::default());
            let first = next(&mut body).await.unwrap();
            assert_eq!(first.is_err(), closed, "{first:?}");
        }
    }

    #[tokio::test]
    async fn a_record_that_is_dropped_by_a_panic_says_so() {
        let mut desk = Desk::new();
        for (status, outcome) in [(0, Outcome::Refused), (101, Outcome::Cut)] {
            let mut recording = desk.open();
            recording.record.status = status;
            let fault = defect::catch::<()>(move || {
                let _recording = recording;
                panic!("what it says is nobody's business")
            });
            assert_eq!(Fault::from(fault.unwrap_err()).code(), codes::INTERNAL);
            let record = desk.record().await;
            assert_eq!((record.outcome, record.code.as_deref()), (outcome, Some("internal")));
            assert_eq!(record.status, if status == 0 { 500 } else { status });
        }
        drop(desk.open());
        assert_eq!(desk.record().await.outcome, Outcome::ClientClosed, "nothing panicked");
    }
}
