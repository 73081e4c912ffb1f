#!/usr/bin/env bash
# Run by Snakemake from the folder of the workflow once the conda environment stands.
set -euo pipefail
python -m pip install --no-deps --editable .
