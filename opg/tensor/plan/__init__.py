"""A program as a schedule of compiled kernels over one block of memory, made once and run many times.

Every operation is matched to a kernel by its access maps. What matches nothing better goes to the general kernels, which
take every access map there is; so a plan never refuses a program.
"""

from opg.tensor.plan.parts import Buffer, Step
from opg.tensor.plan.plan import Plan

__all__ = ["Buffer", "Plan", "Step"]
