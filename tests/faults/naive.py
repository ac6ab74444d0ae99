"""How outputs are written without much thought: what each fault test must be able to tell from a target of ours."""

import os
import pickle


class Naive:
    """`pickle.dump` to the final path; whatever is there counts."""

    def __init__(self, path):
        self.path = str(path)

    def dump(self, value):
        with open(self.path, "wb") as file:
            pickle.dump(value, file)

    def exists(self):
        return os.path.exists(self.path)

    def load(self):
        with open(self.path, "rb") as file:
            return pickle.load(file)
