"""What a process has loaded by the end of its start is not looked through again."""

import subprocess
import sys

CODE = """
import gc
from hotline.runtime import collector

class Ring:
    pass

before = [Ring() for _ in range(1000)]
collector.set_aside()
assert gc.get_freeze_count() >= 1000
assert not any(isinstance(o, Ring) for o in gc.get_objects())
new = Ring()
new.itself = new
assert any(o is new for o in gc.get_objects())
del new
assert gc.collect() >= 1
assert gc.get_threshold()[0] == collector.LOT
"""


def test_what_was_there_is_set_aside_and_what_comes_later_is_collected():
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
