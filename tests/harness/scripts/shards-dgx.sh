#!/bin/bash
#SBATCH --job-name=qhpc-fig6-p-0000
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=128
#SBATCH --gres=gpu:8
#SBATCH --time=01:30:00
#SBATCH --partition=batch
#SBATCH --array=0-11%4
#SBATCH --output=/shared/results/fig6/submissions/20260101T000000Z-0000/logs/p-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --no-kill
#SBATCH --requeue

export PYTHONPATH=/shared/project
export PILOT_QUANTUM_DIRECTORY=/shared/pilots
export QHPC_MACHINE=dgx
export PILOT_QUANTUM_SLURM_JOB="$SLURM_JOB_ID"
exec /shared/env/bin/python -m harness shard /shared/results/fig6/submissions/20260101T000000Z-0000 p "$SLURM_ARRAY_TASK_ID"
