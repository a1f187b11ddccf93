# shellcheck shell=bash disable=SC2154 # $work is set by who sources this
# Sourced: a Slurm of one node on this machine, in $work/slurm, with its own munge, beside any that is installed.
# slurm_start starts it (77 if it is not installed, 1 if it does not start, with the reason), slurm_stop ends it.
# Needs root, because slurmd does. Partition `low` can be pre-empted by `high`, with requeue and 20 s of grace.

slurm_pids=()

slurm_start() {
  local command folder=$work/slurm host
  for command in munged slurmctld slurmd sbatch scontrol; do
    PATH=$PATH:/usr/sbin command -v $command >/dev/null || { echo "$command is not installed"; return 77; }
  done
  [ "$(id -u)" -eq 0 ] || { echo "slurmd needs root"; return 77; }
  PATH=$PATH:/usr/sbin
  host=$(hostname -s)
  mkdir -p "$folder/state" "$folder/spool"
  chmod 755 "$work" "$folder"
  head -c 1024 /dev/urandom >"$folder/munge.key"
  chmod 600 "$folder/munge.key"
  munged --foreground --force --num-threads 2 --socket "$folder/munge.socket" --key-file "$folder/munge.key" \
    --pid-file "$folder/munged.pid" --seed-file "$folder/munge.seed" --log-file "$folder/munged.log" >"$folder/munged.out" 2>&1 &
  slurm_pids+=($!)
  cat >"$folder/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$((20000 + $$ % 20000))
SlurmdPort=$((20001 + $$ % 20000))
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CryptoType=crypto/munge
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
JobRequeue=1
KillWait=10
MinJobAge=600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=$host CPUs=4 State=UNKNOWN
PartitionName=low Nodes=$host Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 MaxTime=INFINITE State=UP
PartitionName=high Nodes=$host PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP
END
  export SLURM_CONF=$folder/slurm.conf
  slurmctld -D -f "$SLURM_CONF" >"$folder/slurmctld.out" 2>&1 &
  slurm_pids+=($!)
  slurmd -D -f "$SLURM_CONF" >"$folder/slurmd.out" 2>&1 &
  slurm_pids+=($!)
  for _ in $(seq 60); do
    [ "$(sinfo --noheader --partition low --format %T 2>/dev/null)" = idle ] && return 0
    sleep 0.5
  done
  echo "the node does not become idle: $(sinfo 2>&1 | tail -n 2)"
  tail -n 5 "$folder"/*.log "$folder"/*.out
  return 1
}

slurm_stop() {
  local pid
  scancel --user root >/dev/null 2>&1
  for pid in "${slurm_pids[@]}"; do kill "$pid" 2>/dev/null; done
  wait "${slurm_pids[@]}" 2>/dev/null
  slurm_pids=()
}
