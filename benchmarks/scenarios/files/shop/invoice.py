from shop import settings
from shop.settings import CURRENCY as currency
from shop.trace import ran


def price(value):
    kind = "small" if value < 10 else "large"
    return value * settings.RATES[kind]


def invoice(values):
    ran("Invoice")
    return [f"{price(value)} {currency} {settings.REGION} {settings.DERIVED:03d}" for value in values]
