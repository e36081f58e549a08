#!/bin/bash
#SBATCH --job-name="ray on two nodes"
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=2
#SBATCH --gpus-per-node=1
#SBATCH --time=01:30:00
#SBATCH --partition=main
#SBATCH --output="/shared/pilots/ray_on_two_nodes-…/job-%j.log"
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@30
#SBATCH --no-kill
#SBATCH --no-requeue

export PYTHONPATH=/shared/project
exec /shared/env/bin/python -m pilot_quantum.launchers._agent head '/shared/pilots/ray_on_two_nodes-…/contact.json'
