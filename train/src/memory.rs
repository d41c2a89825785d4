//! Memory that is free.
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

/// What the control group (version 2) leaves; files that it holds in memory only to read them faster
/// give way.
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

/// What `ulimit -v` leaves.
fn address_space() -> Option<u64> {
    let limits = read("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let most: u64 = line.split_whitespace().next()?.parse().ok()?;
    let used = kibibytes(&read("/proc/self/status")?, "VmSize:")?;
    Some(most.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

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
