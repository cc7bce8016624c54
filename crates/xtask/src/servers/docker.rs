//! A server taken out of a container image, for machines that have Docker and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::server::Server;
use crate::docker::{engine, redis_image};
use crate::step::{output_of, run, say, write_script};
use crate::workspace::target;

/// Runs the server with the loader and the libraries of its own image, so that it needs none of this machine's.
const WRAPPER: &str = r#"#!/bin/sh
image="$(cd "$(dirname "$0")" && pwd)"
loader=$(ls "$image"/lib64/ld-linux-*.so.* "$image"/lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
libraries=$(ls -d "$image"/lib/*-linux-gnu "$image"/usr/lib/*-linux-gnu 2>/dev/null | paste -s -d :)
server=$(ls "$image"/usr/local/bin/redis-server "$image"/usr/bin/redis-server 2>/dev/null | head -n 1)
exec "$loader" --library-path "$libraries" "$server" "$@"
"#;

/// Unpacks the image into `target/servers/` beside a script that runs its server.
///
/// The server runs as a child of its test like any other; a container would outlive a test that is killed.
pub(super) fn extract() -> Result<Server> {
    engine()?;
    let image = redis_image();
    let folder = target().join("servers").join(image.replace(['/', ':'], "-"));
    let script = folder.join("redis-server");
    if !script.exists() {
        say(format_args!("taking redis-server out of the image {image}"));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let container = output_of(Command::new("docker").args(["create", &image, "redis-server"]))?;
        let unpacked = unpack(&container, &folder);
        output_of(Command::new("docker").args(["rm", &container]))?;
        unpacked?;
        write_script(&script, WRAPPER)?;
    }
    Server::at(&script)
}

fn unpack(container: &str, folder: &Path) -> Result<()> {
    let archive = folder.join("image.tar");
    output_of(Command::new("docker").args(["export", "--output"]).arg(&archive).arg(container))?;
    // Device files and owners are of no use here, and only root could make them.
    run(Command::new("tar")
        .args(["-x", "--no-same-owner", "--exclude=dev/*", "-f"])
        .arg(&archive)
        .arg("-C")
        .arg(folder))?;
    Ok(fs::remove_file(archive)?)
}
