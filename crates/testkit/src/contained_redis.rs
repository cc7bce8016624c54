//! A Redis in a container of its own.

use anyhow::{Context, Result};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage, ImageExt};

use crate::docker::{docker_answers, redis_image};
use crate::ran_on::record_ran_on;

/// A server in a container, reached through a published port; the container is removed when this is dropped.
///
/// Not for async code: it blocks while the container starts and ends.
#[derive(Debug)]
pub struct ContainedRedis {
    _container: Container<GenericImage>,
    image: String,
    url: String,
}

impl ContainedRedis {
    /// Starts one from the image `TOLLGATE_TEST_REDIS_IMAGE`, else `redis:7.4`; nothing where there is no Docker and
    /// none is required.
    ///
    /// # Errors
    /// When the container does not start, or Docker must answer and does not.
    pub fn start() -> Result<Option<Self>> {
        if !docker_answers()? {
            return Ok(None);
        }
        let image = redis_image();
        let (name, tag) = image.rsplit_once(':').with_context(|| format!("{image} has no tag"))?;
        let container = GenericImage::new(name, tag)
            .with_exposed_port(6379.tcp())
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
            .with_cmd(["redis-server", "--save", "", "--protected-mode", "no"])
            .start()
            .with_context(|| format!("cannot run {image}"))?;
        let port = container.get_host_port_ipv4(6379)?;
        record_ran_on(&format!("image {image}"));
        Ok(Some(Self { _container: container, image, url: format!("redis://127.0.0.1:{port}/") }))
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of its image.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// A connection of the test's own.
    ///
    /// # Errors
    /// When it can't be reached.
    pub fn connection(&self) -> Result<redis::Connection> {
        Ok(redis::Client::open(self.url.as_str())?.get_connection()?)
    }
}
