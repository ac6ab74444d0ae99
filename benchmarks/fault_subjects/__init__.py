"""What runs in a process that is hurt: one small file for each tool, as its own documentation says.

Each has the same steps, made of the functions in `values`, and `build(name, workers)`, which runs one of them and gives its value
or raises. All keep their outputs below the current folder. `DATA` says where the data of `Small` are there, as a pattern.
"""
