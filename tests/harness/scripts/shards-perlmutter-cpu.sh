#!/bin/bash
#SBATCH --job-name=qhpc-fig6-p-0000
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=128
#SBATCH --time=01:30:00
#SBATCH --account=m0000
#SBATCH --qos=regular
#SBATCH --constraint=cpu
#SBATCH --array=0-11%4
#SBATCH --output=/shared/results/fig6/submissions/20260101T000000Z-0000/logs/p-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --no-kill
#SBATCH --requeue
#SBATCH --hint=nomultithread

module load python
export PYTHONPATH=/shared/project
export PILOT_QUANTUM_DIRECTORY=/shared/pilots
export QHPC_MACHINE=perlmutter-cpu
export PILOT_QUANTUM_SLURM_JOB="$SLURM_JOB_ID"
exec /shared/env/bin/python -m harness shard /shared/results/fig6/submissions/20260101T000000Z-0000 p "$SLURM_ARRAY_TASK_ID"
