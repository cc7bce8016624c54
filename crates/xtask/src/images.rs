//! `cargo xtask images`: small local images made of what is installed and built here, where none can be pulled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::docker::engine;
use crate::servers::Servers;
use crate::step::{self, make_executable, output_of, say};
use crate::test::build_binary;
use crate::workspace::target;

/// Redis as the suites and `docker-compose.yml` can use it.
pub(crate) const REDIS_IMAGE: &str = "tollgate-test/redis:local";
/// The binary built here, likewise.
pub(crate) const TOLLGATE_IMAGE: &str = "tollgate-test/tollgate:local";

/// Marks our images among all others.
const LABEL: &str = "tollgate-test";

/// Builds both images and says how to use them.
pub(crate) fn run() -> Result<()> {
    build(&Servers::gather()?, &build_binary()?)?;
    println!("try them: REDIS_IMAGE={REDIS_IMAGE} TOLLGATE_IMAGE={TOLLGATE_IMAGE} docker-compose up");
    Ok(())
}

/// Builds both.
///
/// # Errors
/// When Docker's engine does not answer, or no server here comes with the `redis-cli` that health checks call.
pub(crate) fn build(servers: &Servers, tollgate: &Path) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "containers run Linux programs, and those here are not");
    engine()?;
    let redis = servers.with_client().context("no server here has a redis-cli beside it")?;
    let redis_programs = [redis.path.clone(), redis.path.with_file_name("redis-cli")];
    let redis_command = r#"CMD ["redis-server", "--save", "", "--protected-mode", "no"]"#;
    build_image(REDIS_IMAGE, &redis_programs, &format!("WORKDIR /data\nEXPOSE 6379\n{redis_command}"))?;
    let serve = "ENV TOLLGATE_LISTEN=0.0.0.0:8080 TOLLGATE_REQUIRE_KEYS=true\nEXPOSE 8080\nENTRYPOINT [\"tollgate\"]\nCMD [\"serve\"]";
    build_image(TOLLGATE_IMAGE, &[tollgate.to_owned()], serve)
}

/// An image of nothing but programs and the shared libraries that the loader finds for them.
fn build_image(tag: &str, programs: &[PathBuf], settings: &str) -> Result<()> {
    let folder = target().join("images").join(tag.replace(['/', ':'], "-"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let content = folder.join("root");
    fs::create_dir_all(content.join("tmp"))?;
    for program in programs {
        let name = program.file_name().context("a program has a name")?;
        let copy = copy_into(&content, program, &Path::new("/usr/local/bin").join(name))?;
        // Those unpacked from a wheel are not.
        make_executable(&copy)?;
        for library in shared_libraries(program)? {
            copy_into(&content, &library, &library)?;
        }
    }
    fs::write(folder.join("Dockerfile"), format!("FROM scratch\nCOPY root /\n{settings}\n"))?;
    say(format_args!("building the image {tag}"));
    // BuildKit is not everywhere, and this needs nothing of it.
    step::run(
        Command::new("docker").args(["build", "--quiet", "--label", LABEL, "--tag", tag]).arg(&folder),
    )?;
    // The image that had the tag before has none now, and nobody would ever remove it.
    let replaced = format!("label={LABEL}");
    output_of(Command::new("docker").args(["image", "prune", "--force", "--filter", &replaced])).map(drop)
}

/// What `ldd` lists, the loader included.
fn shared_libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listing = output_of(Command::new("ldd").arg(program))?;
    let paths = listing.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(paths.collect())
}

/// Copies a file to its place below `root`, and says where that is.
fn copy_into(root: &Path, file: &Path, place: &Path) -> Result<PathBuf> {
    let copy = root.join(place.strip_prefix("/").context("places in an image are absolute")?);
    if let Some(folder) = copy.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(copy)
}
