//! Memory that is free, and what a configuration takes of it.
//!
//! A `vec!` that finds no memory ends the program, and one that the system has promised more than it
//! has is killed later. So whatever a number of the user's makes large is counted before it is made.
use crate::BadValue;
use std::fmt::Display;
use std::fs;

/// Bytes that this process may still take: what the machine has to spare, or less where a container or
/// `ulimit -v` allows less. `None` where the system does not tell.
pub fn available_memory() -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|text| kibibytes(&text, "MemAvailable:"));
    [machine, container(), address_space()].into_iter().flatten().min()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The number of kibibytes behind `key`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes left by the control group (version 2), counting as free the files that it caches.
fn container() -> Option<u64> {
    let groups = read("/proc/self/cgroup")?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |name: &str| -> Option<u64> {
        read(&format!("/sys/fs/cgroup{group}/{name}"))?.trim().parse().ok()
    };
    let (most, used) = (number("memory.max")?, number("memory.current")?);
    let files = read(&format!("/sys/fs/cgroup{group}/memory.stat")).and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse().ok()
    });
    Some(most.saturating_sub(used.saturating_sub(files.unwrap_or(0))))
}

/// Bytes left by `ulimit -v`.
fn address_space() -> Option<u64> {
    let limits = read("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let most: u64 = line.split_whitespace().next()?.parse().ok()?;
    let used = kibibytes(&read("/proc/self/status")?, "VmSize:")?;
    Some(most.saturating_sub(used))
}

/// Memory that a configuration takes, part by part.
///
/// ```
/// let mut memory = train::Memory::default();
/// memory.part("replay", usize::MAX, [usize::MAX, 2, 800]);
/// memory.part("batch", 64, [64, 2, 800]);
/// let told = memory.check().unwrap_err().to_string();
/// assert!(told.starts_with("--replay 18446744073709551615: "), "{told}");
/// assert!(told.contains("of memory"), "{told}");
/// ```
#[derive(Debug, Default)]
pub struct Memory {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    value: String,
    bytes: u128,
}

impl Memory {
    /// Adds what the hyper-parameter `name` of this `value` takes: the product of `factors`, in bytes.
    pub fn part(
        &mut self,
        name: &'static str,
        value: impl Display,
        factors: impl IntoIterator<Item = usize>,
    ) {
        let factors = factors.into_iter().map(|factor| factor as u128);
        let bytes = factors.fold(1, u128::saturating_mul);
        self.parts.push(Part { name, value: value.to_string(), bytes });
    }

    /// Adds a part whose size also depends on other hyper-parameters, `with` their values.
    pub fn part_with(
        &mut self,
        (name, value): (&'static str, usize),
        with: &[(&str, usize)],
        factors: impl IntoIterator<Item = usize>,
    ) {
        let others =
            with.iter().map(|(name, value)| format!(" --{} {value}", name.replace('_', "-")));
        let others: String = others.collect();
        let told =
            if with.is_empty() { value.to_string() } else { format!("{value} with{others}") };
        self.part(name, told, factors);
    }

    /// Bytes in all.
    pub fn bytes(&self) -> u128 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.bytes))
    }

    /// # Errors
    /// [`BadValue`], naming the largest part, where the machine has less to give.
    pub fn check(&self) -> Result<(), BadValue> {
        self.check_against(available_memory().unwrap_or(u64::MAX))
    }

    fn check_against(&self, available: u64) -> Result<(), BadValue> {
        let bytes = self.bytes();
        // `max_by_key` takes the last of equals.
        let largest = self.parts.iter().rev().max_by_key(|part| part.bytes);
        match largest {
            Some(Part { name, value, .. }) if bytes > u128::from(available) => {
                let (needed, available) = (told(bytes), told(available.into()));
                let sentence = format!(
                    "this takes {needed} of memory, and {available} are free; give a smaller number"
                );
                Err(BadValue::new(name, value, &sentence))
            }
            _ => Ok(()),
        }
    }
}

/// Bytes in the unit that suits them.
fn told(bytes: u128) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut number = bytes as f64 / 1024.0;
    for unit in UNITS {
        if number < 1024.0 {
            return format!("{number:.1} {unit}");
        }
        number /= 1024.0;
    }
    "more than 1024 EiB".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(parts: &[(&'static str, usize)]) -> Memory {
        let mut memory = Memory::default();
        parts.iter().for_each(|(name, bytes)| memory.part(name, 7, [*bytes]));
        memory
    }

    #[test]
    fn the_sum_decides_and_the_largest_part_is_named() {
        let parts = memory(&[("replay", 600), ("batch", 500)]);
        assert_eq!(parts.bytes(), 1100);
        assert!(parts.check_against(1100).is_ok());
        assert_eq!(
            parts.check_against(1024).unwrap_err().to_string(),
            "--replay 7: this takes 1.1 KiB of memory, and 1.0 KiB are free; give a smaller number"
        );
        let equal = memory(&[("n_envs", 600), ("rollout", 600)]);
        assert!(equal.check_against(0).unwrap_err().to_string().starts_with("--n-envs 7: "));
        assert!(Memory::default().check_against(0).is_ok());
    }

    #[test]
    fn products_that_no_number_holds_are_refused_too() {
        let mut memory = Memory::default();
        memory.part("states", u64::MAX, [usize::MAX; 5]);
        memory.part("actions", 3, [3]);
        let told = memory.check_against(u64::MAX).unwrap_err().to_string();
        assert!(told.contains("more than 1024 EiB of memory"), "{told}");
    }

    #[test]
    fn every_size_has_its_unit() {
        for (bytes, expected) in
            [(512, "0.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 29, "2.5 GiB"), (1 << 60, "1.0 EiB")]
        {
            assert_eq!(told(bytes), expected);
        }
    }

    #[test]
    fn a_line_is_found_by_its_key() {
        let text = "MemTotal:       24685568 kB\nMemAvailable:   21000000 kB\n";
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(21_000_000 * 1024));
        assert_eq!(kibibytes(text, "SwapFree:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_some() {
        assert!(available_memory().unwrap() > 1 << 20);
    }
}
