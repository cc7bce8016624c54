//! What the operating system knows of this process, under the names that every exporter gives them. Linux tells it in
//! files; elsewhere nothing is told.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// Reads it whenever it is asked.
#[derive(Debug)]
pub(super) struct Process;

/// Of `/proc/self/stat`, in its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program comes first, in parentheses, and may have blanks and parentheses in it.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Numbered from 1 in proc(5), where the first behind the name is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            resident_pages: field(24)?,
        })
    }
}

/// Since when the machine runs, in seconds since 1970.
fn booted_at(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "exact for as long as a machine can run")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut tell = |name: &str, help: &str, unit: Option<Unit>, metric: &dyn EncodeMetric| {
            let encoder = encoder.encode_descriptor(name, help, unit.as_ref(), metric.metric_type())?;
            metric.encode(encoder)
        };
        let stat = fs::read_to_string("/proc/self/stat").ok();
        if let Some(stat) = stat.as_deref().and_then(Stat::parse) {
            let cpu = ConstCounter::new(seconds(stat.cpu_ticks));
            tell(
                "process_cpu",
                "Processor time spent, by the user and by the system.",
                Some(Unit::Seconds),
                &cpu,
            )?;
            let resident = ConstGauge::new(stat.resident_pages * page_size() as u64);
            tell("process_resident_memory", "Memory that is resident.", Some(Unit::Bytes), &resident)?;
            tell("process_threads", "Threads of the process.", None, &ConstGauge::new(stat.threads))?;
            let booted = fs::read_to_string("/proc/stat").ok();
            if let Some(booted) = booted.as_deref().and_then(booted_at) {
                #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
                let started = ConstGauge::new(booted as f64 + seconds(stat.started_ticks));
                let help = "When the process was started, since 1970.";
                tell("process_start_time", help, Some(Unit::Seconds), &started)?;
            }
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is for this directory itself.
            let open = ConstGauge::new((open.count() as u64).saturating_sub(1));
            tell("process_open_fds", "File descriptors in use.", None, &open)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            tell("process_max_fds", "File descriptors that may be in use.", None, &ConstGauge::new(most))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_may_look_like_fields() {
        let text =
            "7 (a) R 1) S 1 7 7 0 -1 4194560 1 0 0 0 11 22 0 0 20 0 9 0 1234 1000 42 18446744073709551615 1";
        let stat = Stat { cpu_ticks: 33, threads: 9, started_ticks: 1234, resident_pages: 42 };
        assert_eq!(Stat::parse(text), Some(stat));
        for text in ["", "7 (a", "7 (a) S 1", "7 (a) S x x x x x x x x x x x x x x x x x x x x x x x x x"] {
            assert_eq!(Stat::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_time_of_the_boot_is_one_line_of_many() {
        assert_eq!(booted_at("cpu 1 2\nbtime 1795535779\nprocesses 3\n"), Some(1_795_535_779));
        assert_eq!(booted_at("cpu 1 2\n"), None);
    }
}
