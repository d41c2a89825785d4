#!/usr/bin/env bash
# Starts a Slurm of its own on this machine, a controller and two nodes on the loopback, runs a command in it, and stops it.
# Needs munged, slurmctld and slurmd (Debian: slurm-wlm, munge), and root, which slurmd runs as.
#
#     tests/cluster/slurm.sh DIR COMMAND…
set -euo pipefail
dir=$(realpath "$1")
shift
mkdir -p "$dir"/{state,spool-lab1,spool-lab2}
chmod 755 "$dir"
dd if=/dev/urandom of="$dir/munge.key" bs=64 count=1 status=none
chmod 600 "$dir/munge.key"
munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
    --seed-file="$dir/munge.seed" --log-file="$dir/munged.log"
cat > "$dir/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=$(hostname)(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
SlurmctldPort=${LAB_SLURM_PORT:-17610}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=20
KillWait=10
MinJobAge=60
NodeName=lab[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[$((${LAB_SLURM_PORT:-17610} + 1))-$((${LAB_SLURM_PORT:-17610} + 2))] CPUs=1
PartitionName=all Nodes=ALL Default=YES State=UP MaxTime=INFINITE
CONF
export SLURM_CONF=$dir/slurm.conf
stop() {
    scancel --full --user=root 2>/dev/null || true
    for pid in slurmctld slurmd-lab1 slurmd-lab2 munged; do
        if [ -e "$dir/$pid.pid" ]; then kill "$(cat "$dir/$pid.pid")" 2>/dev/null || true; fi
    done
}
trap stop EXIT
slurmctld
slurmd -N lab1
slurmd -N lab2
for _ in $(seq 100); do
    if [ "$(sinfo --noheader --states=idle --format=%D)" = 2 ]; then break; fi
    sleep 0.1
done
"$@"
