import os
import time

STARTED = time.time()
FOLDER = os.path.dirname(os.path.abspath(__file__))
SCALE = 10
CURRENCY = "EUR"
BOUNDS = (0, 50)
RATES = {"small": 2, "large": 3}
REGION = os.environ.get("SHOP_REGION", "north")
BASE = 4
DERIVED = BASE * 2
NOT_USED = 1
