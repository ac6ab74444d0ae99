"""Puts a copy of the example app into the wheel, for `luigi-warp new`. All else is in pyproject.toml."""

import os
import runpy

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = os.path.dirname(os.path.abspath(__file__))


class BuildWithExample(build_py):
    def run(self):
        super().run()
        if not getattr(self, "editable_mode", False):
            example = runpy.run_path(os.path.join(HERE, "pipeline", "cli", "example.py"))
            # An image of an app is built without the example: there is nothing to copy, and nobody to ask for it.
            example["copy"](HERE, os.path.join(self.build_lib, "pipeline", *example["COPY"].split("/")))


setup(cmdclass={"build_py": BuildWithExample})
