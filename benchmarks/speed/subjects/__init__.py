"""What runs in a measured process, one tool each. A module has `measure(...)`, which returns the numbers.

Every `measure` looks at the results after the meter has stopped, and says in `wrong` what is not as it must be.
"""
