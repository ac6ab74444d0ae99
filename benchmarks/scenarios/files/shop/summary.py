from shop.trace import ran


class Sums:
    factor = 1

    def total(self):
        return sum(self.values) * self.factor


class Rounding:
    def rounded(self, number):
        return round(number, self.digits())

    @staticmethod
    def digits():
        return 2


class Summary(Rounding, Sums):
    unit = "pieces"

    def __init__(self, values):
        self.values = values

    @classmethod
    def of(cls, values):
        return cls([value for value in values if value > 0])

    @property
    def mean(self):
        return self.total() / 3

    def total(self):
        return super().total() + 1


def summary(values):
    ran("Summarise")
    made = Summary.of(values)
    return {"mean": made.rounded(made.mean), "total": made.total(), "unit": made.unit}
