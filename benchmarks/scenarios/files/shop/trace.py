import os


def ran(step):
    with open(os.environ["SHOP_RAN"], "a") as file:
        file.write(step + "\n")
