"""Dynamics with a trained model: ASE calculator, molecular dynamics, trajectory files."""
