"""Runs a tool again and again, each time in a fork that has the tool imported and nothing of the app.

    python serve.py with_<tool>.py MODULE      a question a line: folder, environment, argument, where to write

Importing some tools takes seconds, and a comparison asks them a hundred times.
"""

import importlib
import json
import os
import runpy
import sys
import traceback

script, module = sys.argv[1:]
importlib.import_module(module)
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        code = 1
        try:
            output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(asked["folder"])
            os.environ.update(asked["environment"])
            sys.argv = [script, asked["argument"]]
            runpy.run_path(script, run_name="__main__")
            code = 0
        except SystemExit as error:
            code = int(bool(error.code))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
