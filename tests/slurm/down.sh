#!/bin/bash
# down.sh: ends exactly the daemons that up.sh started, by process id, jobs first, and removes $SLURM_TEST_DIR.
dir=${SLURM_TEST_DIR:-/tmp/slurm-test}
export SLURM_CONF=$dir/slurm.conf

alive() { # a dead daemon may stay a zombie for long where process 1 does not reap
  local state
  state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)
  [[ -n $state && $state != Z ]]
}
stop() { # FILE NAME: only if the process of that id still is the daemon of that name
  local pid
  [[ -s $1 ]] || return 0
  pid=$(cat "$1")
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]] || return 0
  kill "$pid"
  for _ in $(seq 1 80); do alive "$pid" || return 0; sleep 0.1; done
  kill -9 "$pid"
}

if [[ -s $dir/pid/slurmctld.pid ]] && alive "$(cat "$dir/pid/slurmctld.pid")"; then
  squeue -h -o %A 2>/dev/null | sort -u | xargs -r scancel 2>/dev/null
  for _ in $(seq 1 100); do [[ -z $(squeue -h 2>/dev/null) ]] && break; sleep 0.1; done
fi
stop "$dir/pid/slurmctld.pid" slurmctld
for file in "$dir"/pid/slurmd.*.pid; do stop "$file" slurmd; done
stop "$dir/munge/pid" munged
rm -rf "$dir"
