//! `tollgate demo`: what Tollgate is for, on one machine in less than a minute.

mod bar;
mod command;
mod table;

pub(crate) use command::{Arguments, run};
