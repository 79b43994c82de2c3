"""Which lines of `fmnist_nb/` do the tests execute? What `make coverage` runs

The chapters are the tests, but the code in their cells is not that of the modules. So an exported cell is not run as it
stands: the lines of the module that came from it are, at their places in its file, where coverage can see them. Code that
is watched is slower: a cell that compares timings may fail here, and `make test` is the judge of that."""
import os, re, subprocess, sys, tempfile
from pathlib import Path
from fastcore.script import call_parse
from get_data import has_mnist

root = Path(__file__).resolve().parent.parent
rc = '''[run]
source = {root}/fmnist_nb
omit = */_modidx.py
data_file = {tmp}/.coverage
parallel = true
concurrency = thread, multiprocessing
patch = subprocess, fork, _exit
disable_warnings = module-not-measured, no-data-collected
[report]
show_missing = true
precision = 1
'''

def module_cells(path):
    "Cell id -> Python source which executes the lines of the module at `path` that came from that cell"
    parts = re.split(r'^# %% \.\.\S+ #(\w+)\n', path.read_text(), flags=re.M)
    line,res = parts[0].count('\n'),{}
    for id,source in zip(parts[1::2], parts[2::2]):
        line += 1
        res[id] = f'exec(compile({line}*chr(10) + {source!r}, {str(path)!r}, "exec"), globals())'
        line += source.count('\n')
    return res

def run_one(path, flags):
    "Execute the notebook at `path`, all of it; its exported cells from its module. Say which cells fail"
    from execnb.shell import CaptureShell
    from fastcore.xtras import working_directory
    from nbdev.config import get_config
    from nbdev.process import NBProcessor
    skip = set(get_config().tst_flags.split()) - set(flags)
    nb = NBProcessor(path, rm_directives=False, process=True).nb
    module = re.search(r'default_exp (\w+)', path.read_text())[1]
    new = module_cells(root/'fmnist_nb'/f'{module}.py')
    found = [c.id for c in nb.cells if c.id in new]
    if len(found)!=len(new): sys.exit(f'{path.name}: not in step with {module}.py; make export')
    for c in nb.cells:
        c.outputs = []
        if c.id in new: c.source = new[c.id]
    shell = CaptureShell(path)
    shell.user_ns['__package__'] = 'fmnist_nb' # for `from .idx import ...`
    with working_directory(path.parent):
        shell.run_all(nb, preproc=lambda c: c.cell_type!='code' or skip & (c.get('directives_') or {}).keys())
    for c in nb.cells:
        for o in c.get('outputs') or ():
            if o['output_type']=='error': print(f'  {path.name}, cell {c.idx_}: {o["ename"]}: {o["evalue"]}', flush=True)

@call_parse
def main(
    one:str=None, # Run this notebook in this process (for internal use)
    flags:str='', # Flags of its cells to run
):
    "Which lines of `fmnist_nb/` do the tests execute?"
    if one: return run_one(Path(one), flags.split())
    os.chdir(root)
    with tempfile.TemporaryDirectory() as tmp:
        config = Path(tmp)/'rc'
        config.write_text(rc.format(root=root, tmp=tmp))
        def coverage(cmd, *args, **kw):
            return subprocess.run([sys.executable, '-m', 'coverage', cmd, f'--rcfile={config}', *map(str, args)], stdin=subprocess.DEVNULL, **kw).returncode
        for p in sorted((root/'nbs').glob('[0-9]*.ipynb')):
            print(p.name, flush=True)
            if coverage('run', __file__, '--one', p, '--flags', 'mnist' if has_mnist() else ''): sys.exit(f'{p.name} was not run')
        coverage('run', '-m', 'pytest', '-q', 'tests/test_faults.py', 'tests/test_fuzz.py')
        coverage('combine', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for p in Path(tmp).glob('.coverage.*'): p.unlink() # half a file, left by a process that a test has killed
        sys.exit(coverage('report', '--fail-under=98'))
