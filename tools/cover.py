"""nbdev_test, where each exported cell is executed as the lines of its module, so that coverage sees them: for `nox -s coverage`"""
import os, re, sys
from pathlib import Path
import nbdev.test
from nbdev.process import NBProcessor

lib = Path(__file__).resolve().parent.parent/'fmnist_nb'
cells = {}  # cell id -> source that executes the lines that came from it, at their places in the file
for path in lib.glob('[!_]*.py'):
    parts = re.split(r'^# %% \.\.\S+ #(\w+)\n', path.read_text(encoding='utf-8'), flags=re.M)
    line = parts[0].count('\n')
    for id,source in zip(parts[1::2], parts[2::2]):
        line += 1
        cells[id] = (f'__package__ = {lib.name!r} # for `from .idx import ...`\n'
                     f'exec(compile({line}*chr(10) + {source!r}, {str(path)!r}, "exec"), globals())')
        line += source.count('\n')

class FromModules(NBProcessor):
    "A notebook whose exported cells come from the modules"
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        for c in self.nb.cells: c.source = cells.get(c.id, c.source)

nbdev.test.NBProcessor = FromModules
os.environ['FMNIST_NB_TIMINGS'] = '0'  # code that is watched is slower
sys.exit(nbdev.test.nbdev_test())
