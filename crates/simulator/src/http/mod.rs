//! The provider on a port: real HTTP, real time.

mod connection;
mod handlers;
mod request;
mod response;
mod server;
mod summary;
mod world;

pub use server::Server;
