from shop.trace import ran


class Model:
    def __init__(self, slope):
        self.slope = slope

    def predict(self, value):
        return self.slope * value


def train(values):
    ran("Train")
    return Model(len(values))


def predict(model, values):
    ran("Predict")
    return [model.predict(value) for value in values]
