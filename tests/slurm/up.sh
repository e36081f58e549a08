#!/bin/bash
# up.sh [NODES=4] [CPUS=2]: a real Slurm on this machine, on loopback, without systemd and cgroups. Needs root and Debian's
# packages slurm-wlm and munge, which it installs if they are missing. Everything it makes lies in $SLURM_TEST_DIR.
# down.sh takes it down again.
set -euo pipefail
nodes=${1:-4} cpus=${2:-2}
dir=${SLURM_TEST_DIR:-/tmp/slurm-test}
port=${SLURM_TEST_PORT:-16817}
host=$(hostname -s)
stem=qhpcnode

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null 2>&1
fi

# Slurm asks for the address of its host. Each node has a loopback address of its own, by which Ray tells nodes apart.
know() { getent ahostsv4 "$2" | grep -q '^127\.' || echo "$1 $2" >>/etc/hosts; }
know 127.0.0.1 "$host"
for i in $(seq 1 "$nodes"); do know "127.0.0.$((10 + i))" "$stem$i"; done

mkdir -p "$dir"/{ctld,log,pid,munge}
for i in $(seq 1 "$nodes"); do mkdir -p "$dir/spool.$stem$i"; done

munge=$dir/munge
chmod 755 "$munge"
[[ -s $munge/key ]] || dd if=/dev/urandom of="$munge/key" bs=128 count=1 status=none
chmod 400 "$munge/key"
chown -R munge:munge "$munge"
runuser -u munge -- munged --force --key-file="$munge/key" --socket="$munge/sock" --pid-file="$munge/pid" \
  --log-file="$munge/log" --seed-file="$munge/seed" --num-threads=2

cat >"$dir/gres.conf" <<CONF
NodeName=$stem[1-$nodes] Name=qpu Count=1
NodeName=$stem[1-$nodes] Name=gpu File=/dev/zero
CONF
cat >"$dir/slurm.conf" <<CONF
ClusterName=qhpctest
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$munge/sock
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
StateSaveLocation=$dir/ctld
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/pid/slurmctld.pid
SlurmdPidFile=$dir/pid/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
SlurmdParameters=config_overrides
ReturnToService=1
SlurmdTimeout=30
SlurmctldTimeout=30
InactiveLimit=0
KillWait=2
MinJobAge=600
WaitTime=0
OverTimeLimit=0
JobRequeue=1
MaxArraySize=10001
MaxJobCount=20000
GresTypes=gpu,qpu
Licenses=vendor_qpu:1
NodeName=$stem[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=$cpus Boards=1 SocketsPerBoard=1 CoresPerSocket=$cpus ThreadsPerCore=1 RealMemory=8000 Gres=gpu:1,qpu:1 Features=virtual State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=10 State=UP
PartitionName=short Nodes=ALL MaxTime=1 DefaultTime=1 State=UP
PartitionName=closed Nodes=ALL MaxTime=60 State=DOWN
CONF
export SLURM_CONF=$dir/slurm.conf
slurmctld -f "$SLURM_CONF" -c -i
for i in $(seq 1 "$nodes"); do slurmd -N "$stem$i" -f "$SLURM_CONF"; done
for _ in $(seq 1 150); do
  [[ $(sinfo -h -N -p main -o %T 2>/dev/null | grep -c '^idle$') -ge $nodes ]] && exit 0
  sleep 0.1
done
sinfo -N -l >&2
echo "up.sh: not all nodes are idle; see $dir/log" >&2
exit 1
