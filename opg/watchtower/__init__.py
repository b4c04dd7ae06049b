"""The watchtower: executes again what operators have answered, all or a sample, and plays a dispute to its end for what is wrong.

tower.py    finds answers on the chain and behind its batches      engines.py  where answers are executed: here, in processes, on machines
disputes.py which games are worth a bond, and playing them         notes.py    what must not be forgotten
"""

from opg.watchtower.disputes import Disputes, worth
from opg.watchtower.engines import Cluster, Engine, Inline, Processes, Subject, Verdict, judge
from opg.watchtower.notes import Notes
from opg.watchtower.tower import Rules, Watchtower

__all__ = [
    "Cluster",
    "Disputes",
    "Engine",
    "Inline",
    "Notes",
    "Processes",
    "Rules",
    "Subject",
    "Verdict",
    "Watchtower",
    "judge",
    "worth",
]
