"""Puts the manifests of deployments into the package, where `opg` finds them by chain id. All else is in pyproject.toml."""

from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class WithManifests(build_py):
    def run(self) -> None:
        super().run()
        for manifest in HERE.glob("deployments/*/manifest.json"):
            if manifest.parent.name == "31337":  # a chain on the builder's machine
                continue
            to = Path(self.build_lib) / "opg" / manifest.relative_to(HERE)
            to.parent.mkdir(parents=True, exist_ok=True)
            copyfile(manifest, to)


setup(cmdclass={"build_py": WithManifests})
