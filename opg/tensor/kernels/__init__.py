"""Compiled kernels: how the executor and the commitments reach the processor's speed. docs/executor.md says why they are exact."""
