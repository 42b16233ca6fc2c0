//! A request's body, of which the rest is read on when nobody wants it.
//!
//! Separate because it concerns every refusal before the end of a body: too large, no token, a wrong role. A client that
//! is hung up on in the middle of sending hears a broken connection instead of the answer. So what is left is read and
//! thrown away, up to a bound, while the answer is on its way.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use futures_util::StreamExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::runtime::Handle;

/// Whoever sends more than this behind a refusal does not listen.
const BYTES_MAX: usize = 256 * 1_024;
const WITHIN: Duration = Duration::from_secs(5);

/// A body as it comes in.
pub struct Unread(Option<Incoming>);

impl Unread {
    /// Nothing of it was read.
    pub const fn new(body: Incoming) -> Self {
        Self(Some(body))
    }
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(WITHIN, throw_away(body)));
        }
    }
}

async fn throw_away(body: Incoming) {
    let mut pieces = Body::new(body).into_data_stream();
    let mut size = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        size += piece.len();
        if size > BYTES_MAX {
            return;
        }
    }
}
