"What `make run` and `make bench` run: execute notebooks, one fresh process each, and store their outputs"
import os, subprocess, sys, time
from pathlib import Path
from fastcore.script import call_parse, Param
from get_data import has_mnist

root = Path(__file__).resolve().parent.parent

def _problems(nb):
    "What a stored output must not hold: an error, a warning"
    for i,c in enumerate(nb['cells']):
        for o in c.get('outputs', []):
            if o['output_type']=='error': yield f'cell {i}: {o["ename"]}: {o["evalue"]}'
            if o.get('name')=='stderr': yield f'cell {i} wrote to stderr: {"".join(o["text"]).strip()}'

def _run_one(path, flags):
    from execnb.nbio import write_nb
    from execnb.shell import CaptureShell
    from fastcore.xtras import working_directory
    from nbdev.clean import clean_nb
    from nbdev.config import get_config
    from nbdev.process import NBProcessor
    skip = set(get_config().tst_flags.split()) - set(flags)
    nb = NBProcessor(path, rm_directives=False, process=True).nb

    def skipped(cell): # such a cell keeps the output that it has
        if cell.cell_type!='code': return True
        d = getattr(cell, 'directives_', None) or {}
        if (d.get('eval:') or [''])[0].lower()=='false' or skip & d.keys(): return True
        cell.outputs = []

    shell = CaptureShell(path)
    with working_directory(path.parent):
        try: shell.run_all(nb, exc_stop=True, preproc=skipped)
        except Exception: sys.exit(shell.prettytb(fname=path.name))
    clean_nb(nb)
    bad = list(_problems(nb))
    if bad: sys.exit('\n'.join([f'{path.name} is left as it was:', *bad]))
    for c in nb.cells: # what execution added to the cells in memory
        for k in ('directives_', 'idx_', 'parsed_'): c.pop(k, None)
    tmp = path.with_suffix('.ipynb.tmp')
    write_nb(nb, tmp)
    os.replace(tmp, path)

@call_parse
def main(
    nbs:Param('Notebooks to run (default: all of them, in order)', nargs='*', type=str),
    flags:str='', # Flags of cells to run, beside `notest` and, where MNIST can be had, `mnist`
    one:bool=False, # Run in this process (for internal use)
):
    "Execute notebooks headless, one fresh process each, and store their outputs"
    paths = [Path(p).resolve() for p in nbs] if nbs else sorted((root/'nbs').glob('[0-9i]*.ipynb'))
    if one: return _run_one(paths[0], flags.split())
    flags = f'{flags} notest' + (' mnist' if has_mnist() else '')
    for p in paths:
        start = time.perf_counter()
        r = subprocess.run([sys.executable, __file__, str(p), f'--flags={flags}', '--one'], cwd=root)
        if r.returncode: sys.exit(f'{p.name}: failed')
        print(f'{p.name}: {time.perf_counter()-start:.1f} s', flush=True)
