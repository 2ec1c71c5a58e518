"""Entry of the template process: `PYTHON -I -S -X utf8 …/ork/_warm.py FD` (see WARM_PROTOCOL.md).

As small as can be: the script itself is compiled at every start, the modules it imports are cached.
"""

import sys

if __name__ == "__main__":
    here = __file__.rpartition("/")[0]
    sys.path.insert(0, here.rpartition("/")[0] or "/")
    fd = int(sys.argv[1])
    if fd == 0:
        # As standard input the socket reaches this process and no other that the engine starts meanwhile.
        import os

        fd = os.dup(0)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    from ork._template import main

    main(fd)
