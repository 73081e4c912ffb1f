"""Infrared spectra: from trajectories, from normal modes, and how two of them compare."""
