//! Files in a bucket that speaks S3, whoever runs it.
//!
//! Separate because the wire is theirs: every request carries its signature (SigV4) in the query string, by `rusty-s3`. A
//! request that fails in passing is tried again at once, a few times; then the shelf is away, and whoever asked tries
//! again later. What is put is already encrypted, so the bucket's owner reads nothing.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use rusty_s3::actions::{DeleteObject, GetObject, PutObject};
use rusty_s3::{Bucket, BucketError, Credentials, S3Action, UrlStyle};

use crate::error::Error;
use crate::redact::Secret;
use crate::storage::Shelf;
use crate::time::Span;

/// How long a signature is good: a request begins at once.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// Wait before the second attempt; doubles with each further one.
const PAUSE: Duration = Duration::from_millis(100);

/// Which bucket, and who we are to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// `https://s3.example.rw`, without the bucket.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// As the signature names it.
    pub region: String,
    /// Whether the bucket stands in the path, or in the name of the host.
    pub is_path_style: bool,
    /// Our name.
    pub access_key: String,
    /// Our key.
    pub secret_key: Secret<String>,
    /// How long one attempt may take.
    pub timeout: Span,
    /// How often a request is tried.
    pub attempts_max: u32,
    /// No file that we put is larger.
    pub file_bytes_max: usize,
}

/// The bucket cannot be addressed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not an address.
    #[error("the endpoint is not an address")]
    Endpoint,
    /// Not together with the bucket.
    #[error("the endpoint and the bucket make no address")]
    Bucket(#[source] BucketError),
}

/// A bucket.
pub struct S3 {
    bucket: Bucket,
    credentials: Credentials,
    http: reqwest::Client,
    timeout: Duration,
    attempts_max: u32,
    file_bytes_max: usize,
}

impl S3 {
    /// Speaks through `http`.
    ///
    /// # Errors
    /// When endpoint and bucket make no address.
    pub fn open(config: &Config, http: reqwest::Client) -> Result<Self, OpenError> {
        let endpoint: Url = config.endpoint.parse().map_err(|_| OpenError::Endpoint)?;
        let style = if config.is_path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(endpoint, style, config.bucket.clone(), config.region.clone());
        Ok(Self {
            bucket: bucket.map_err(OpenError::Bucket)?,
            credentials: Credentials::new(config.access_key.clone(), config.secret_key.expose().clone()),
            http,
            timeout: config.timeout.to_duration(),
            attempts_max: config.attempts_max,
            file_bytes_max: config.file_bytes_max,
        })
    }

    /// Sends until there is an answer that settles it.
    async fn send(&self, make: impl Fn() -> RequestBuilder + Send + Sync) -> Result<Response, Error> {
        let (mut pause, mut attempt) = (PAUSE, 1);
        loop {
            let cause = match make().timeout(self.timeout).send().await {
                Ok(response) if !is_passing(response.status()) => return Ok(response),
                Ok(response) => answered(response.status()),
                Err(error) if error.is_timeout() => "the file store did not answer in time".to_owned(),
                Err(_) => "the file store cannot be reached".to_owned(),
            };
            if attempt >= self.attempts_max {
                return Err(away(cause));
            }
            tokio::time::sleep(pause).await;
            (pause, attempt) = (pause * 2, attempt + 1);
        }
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    async fn put_object(&self, name: String, bytes: Bytes) -> Result<(), Error> {
        let make = || {
            let url = PutObject::new(&self.bucket, Some(&self.credentials), &name).sign(SIGNED_FOR);
            self.request(Method::PUT, url).body(bytes.clone())
        };
        let response = self.send(make).await?;
        if response.status().is_success() { Ok(()) } else { Err(away(answered(response.status()))) }
    }

    async fn get_object(&self, name: String) -> Result<Option<Bytes>, Error> {
        let make = || {
            let url = GetObject::new(&self.bucket, Some(&self.credentials), &name).sign(SIGNED_FOR);
            self.request(Method::GET, url)
        };
        let mut response = self.send(make).await?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(away(answered(status))),
            _ => {}
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| away("the file store broke off".to_owned()))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > self.file_bytes_max {
                return Err(Error::internal("a stored file is larger than any that was put"));
            }
        }
        Ok(Some(bytes.into()))
    }

    async fn delete_object(&self, name: String) -> Result<(), Error> {
        let make = || {
            let url = DeleteObject::new(&self.bucket, Some(&self.credentials), &name).sign(SIGNED_FOR);
            self.request(Method::DELETE, url)
        };
        match self.send(make).await?.status() {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            status => Err(away(answered(status))),
        }
    }
}

/// Whether the same request may be answered otherwise in a moment.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn answered(status: StatusCode) -> String {
    format!("the file store answered {}", status.as_u16())
}

fn away(cause: String) -> Error {
    Error::Unavailable { retry_after: Span::from_secs(5), cause: Some(cause.into()) }
}

impl Shelf for S3 {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), Error>> {
        self.put_object(name.to_owned(), bytes).boxed()
    }

    fn get(&self, name: &str) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.get_object(name.to_owned()).boxed()
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), Error>> {
        self.delete_object(name.to_owned()).boxed()
    }
}
