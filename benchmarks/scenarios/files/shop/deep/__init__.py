from .base import unit
