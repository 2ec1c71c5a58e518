"""Entry of the template process: `PYTHON -I -S -X utf8 …/ork/_warm.py FD` (see WARM_PROTOCOL.md).

As small as can be: the script itself is compiled at every start, the modules it imports are cached.
"""

import sys

if __name__ == "__main__":
    here = __file__.rpartition("/")[0]
    sys.path.insert(0, here.rpartition("/")[0] or "/")
    from ork._template import main

    main(int(sys.argv[1]))
