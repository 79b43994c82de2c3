"""Break the library on purpose, in one place at a time, and see whether the tests notice: what `make mutate` runs

A mutant is a copy of the project in which one spot of one exported cell is wrong: `<` is `<=`, 1 is 2, a `raise` is gone.
It is killed by the first of these that fails or does not end: its chapter, the files of `tests/` that concern its
module, the later chapters. One that survives all of them is a test that is missing, or a change that changes nothing."""
import ast, os, random, re, shutil, signal, subprocess, sys, tempfile, time
from itertools import chain, zip_longest
from pathlib import Path
from execnb.nbio import read_nb, write_nb
from fastcore.script import call_parse
from nbdev.export import nb_export
from nbdev.process import extract_directives
from get_data import has_mnist

root = Path(__file__).resolve().parent.parent
tests = dict(download='faults', tensors='faults', idx='fuzz', chunks='fuzz', matrix='fuzz', similarity='fuzz', rng='fuzz')
pairs = [(ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn), (ast.Add, ast.Sub),
         (ast.Mult, ast.Div), (ast.And, ast.Or), (ast.BitAnd, ast.BitOr), (ast.LShift, ast.RShift), (ast.Break, ast.Continue),
         ('min', 'max'), ('any', 'all')]
swap = {**dict(pairs), **{b: a for a,b in pairs}, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult}
skipped = 'annotation', 'returns', 'decorator_list', 'exc' # what the fields of these names hold is left as it is: types, messages

def changes(node):
    "Pairs (part of `node`, what could stand there by mistake)"
    def but(**kw): return node, type(node)(**dict(ast.iter_fields(node)) | kw)
    def without(xs): return ([*xs[:i], *xs[i+1:]] for i in range(len(xs)))
    match node:
        case ast.Compare():
            for i,op in enumerate(node.ops): yield but(ops=[*node.ops[:i], swap[type(op)](), *node.ops[i+1:]])
        case ast.BinOp() | ast.BoolOp() if type(node.op) in swap: yield but(op=swap[type(node.op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub()): yield node, node.operand
        case ast.Constant(value=bool()): yield but(value=not node.value)
        case ast.Constant(value=int() | float()): yield from (but(value=node.value+i) for i in (1,-1))
        case ast.Constant(value=str(s)) if ' ' not in s: yield but(value=s+'x') # more than one word: a message, a docstring
        case ast.Name() if node.id in swap: yield but(id=swap[node.id])
        case ast.Slice():
            for f in ('lower', 'upper'):
                if getattr(node, f): yield but(**{f: None})
        case ast.Call(): yield from (but(keywords=ks) for ks in without(node.keywords))
        case ast.Return(value=ast.expr()) if not isinstance(node.value, ast.Constant): yield node.value, ast.Constant(None)
        case ast.If(test=t) | ast.While(test=t) | ast.IfExp(test=t):
            if not isinstance(t, (ast.Compare, ast.UnaryOp)): yield t, ast.UnaryOp(ast.Not(), t) # those are turned round as they are
        case ast.Raise() | ast.Expr(value=ast.Call()): yield node, ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]): yield node, ast.Pass()
        case ast.AugAssign():
            yield node, ast.Pass()
            if type(node.op) in swap: yield but(op=swap[type(node.op)]())
        case ast.Break() | ast.Continue(): yield node, swap[type(node)]()
        case ast.ExceptHandler(type=ast.Tuple(elts=es)): yield from ((node.type, ast.Tuple(x)) for x in without(es))

def spots(node, where=''):
    "All changes to what is inside `node`, with the name of the function that they are in"
    for field,value in ast.iter_fields(node):
        if field in skipped: continue
        for o in value if isinstance(value, list) else [value]:
            if not isinstance(o, ast.AST) or isinstance(o, ast.JoinedStr): continue # in f-strings Python 3.11 is wrong about places
            name = o.name if isinstance(o, (ast.FunctionDef, ast.ClassDef)) else where
            yield from ((name, *c) for c in changes(o))
            yield from spots(o, name)

def mutants(nb):
    "All (cell, function, line, change, new source) of the exported cells of `nb`"
    for i,cell in enumerate(nb.cells):
        if cell.cell_type!='code' or not {'export', 'exports', 'exporti'} & extract_directives(cell, remove=False).keys(): continue
        source = cell.source.encode() # places in the tree are counted in bytes
        starts = [0, *(m.end() for m in re.finditer(b'\n', source))]
        for name,old,new in spots(ast.parse(source)):
            a,b = starts[old.lineno-1] + old.col_offset, starts[old.end_lineno-1] + old.end_col_offset
            text = ast.unparse(new)
            change = ' → '.join(re.sub(r'\s+', ' ', o) for o in (source[a:b].decode(), text))
            if isinstance(new, ast.expr) and not isinstance(new, (ast.Slice, ast.Constant, ast.Name)): text = f'({text})'
            yield i, name, old.lineno, change, (source[:a] + text.encode() + source[b:]).decode()

class Copy:
    "A copy of the project, in which things may go wrong"
    def __init__(self, folder):
        os.chmod(folder, 0o755) # for tests that give up their rights
        self.tree,self.home,self.tmp = folder/'tree',folder/'home',folder/'tmp'
        shutil.copytree(root, self.tree, ignore=shutil.ignore_patterns('.*', '_docs', '_proc', 'build', 'demo', '*.egg-info', '__pycache__'))
        from fmnist_nb.download import data_dir
        self.cache = data_dir().parent
        self.env = os.environ | dict(PYTHONPATH=str(self.tree), PYTHONDONTWRITEBYTECODE='1', OMP_WAIT_POLICY='passive', TMPDIR=str(self.tmp),
                                     HOME=str(self.home), XDG_CACHE_HOME=str(self.home), MPLCONFIGDIR=str(folder/'mpl'))
        self.env.pop('FMNIST_NB_HOME', None)
        self.flags = ['--flags', 'mnist'] if has_mnist() else []

    def fresh(self):
        "Nothing that a mutant has done to the data or left behind meets the next one"
        for d in (self.home, self.tmp): shutil.rmtree(d, ignore_errors=True)
        self.tmp.mkdir()
        shutil.copytree(self.cache, self.home/'fmnist_nb')

    def run(self, timeout, *cmd):
        "Seconds and output, and whether it passed; a run that goes on for longer than `timeout` has failed"
        start = time.monotonic()
        p = subprocess.Popen([Path(sys.executable).parent/cmd[0], *cmd[1:]], cwd=self.tree, env=self.env, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors='replace', start_new_session=True)
        try: out,ok = p.communicate(timeout=timeout)[0],p.returncode==0
        except subprocess.TimeoutExpired: out,ok = 'timeout',False
        finally:
            try: os.killpg(p.pid, signal.SIGKILL) # and all that it has started
            except ProcessLookupError: pass
            p.wait()
        return time.monotonic()-start, out, ok

    def notebook(self, path, timeout): return self.run(timeout, 'nbdev_test', '--path', f'nbs/{path.name}', *self.flags)

    def tests(self, name): return self.run(300, 'pytest', '-xq', '-p', 'no:cacheprovider', f'tests/test_{name}.py')

    def killer(self, path, later, limits):
        "What notices that the notebook at `path` is not as it was; `None` if nothing does"
        module = re.search(r'default_exp (\w+)', path.read_text())[1]
        for p in [path, None, *later]: # None: tests/
            if p is None: _,out,ok = self.tests(tests[module])
            else: _,out,ok = self.notebook(p, limits[p])
            if ok: continue
            if out=='timeout': return f'{p.name if p else "tests"}: no end'
            if p is None: return (re.findall(r'^(?:FAILED|ERROR) tests/(\S+)', out, re.M) or [out[-300:]])[0]
            found = re.search(r'Executing Cell #(\d+)', out)
            cell = read_nb(p).cells[int(found[1])-1].source if found else out[-300:]
            code = [o for o in cell.splitlines() if o.strip() and not o.startswith(('#|', '%%'))]
            return f'{p.name[:2]}, cell {found and int(found[1])-1}{" (timing)" if "timeit" in cell else ""}: {(code or [""])[0][:60]}'

@call_parse
def main(
    n:int=60, # How many mutants, shared out among the chapters
    seed:int=42, # Which ones: a shuffle of all of them with this seed
    chapters:str='0*', # Notebooks, as a pattern
    only:str='', # Numbers of mutants like `01.17`, as an earlier run has listed them, in place of a drawn lot
    quick:bool=False, # Leave out the later chapters, which seldom notice what the others did not
    show:bool=False, # Only list them?
):
    "Break the library in `n` places, one after another, and list what the tests did not notice"
    with tempfile.TemporaryDirectory() as d:
        c = Copy(Path(d))
        os.chdir(c.tree) # where nbdev finds its settings
        paths = sorted((c.tree/'nbs').glob('[0-9]*.ipynb'))
        good = {p: p.read_bytes() for p in paths}
        lots = [[(f'{p.name[:2]}.{k}', p, *m) for k,m in enumerate(mutants(read_nb(p)))] for p in paths if p.match(f'{chapters}.ipynb')]
        print(f'{sum(map(len, lots)):,} mutants: ' + ', '.join(f'{len(lot)} of {lot[0][1].stem}' for lot in lots), flush=True)
        for lot in lots: random.Random(seed).shuffle(lot)
        todo = [m for m in chain(*zip_longest(*lots)) if m]
        todo = [m for m in todo if m[0] in only.split()] if only else todo[:n]
        if show:
            for id,path,_,name,_,change,_ in todo: print(f'{id:8}{path.stem[3:]}.{name}: {change}')
            return
        c.fresh()
        limits,first = {},min(m[1] for m in todo)
        for p in sorted({m[1] for m in todo}) if quick else [p for p in paths if p>=first]:
            t,out,ok = c.notebook(p, 600)
            if not ok: sys.exit(f'{p.name} fails as it is:\n{out}')
            limits[p] = 3*t + 20
        for t in set(tests.values()):
            _,out,ok = c.tests(t)
            if not ok: sys.exit(f'tests/test_{t}.py fails as it is:\n{out}')
        start,score,survivors = time.monotonic(),{m[1].stem[3:]: [0,0] for m in todo},[]
        for id,path,i,where,line,change,source in todo:
            c.fresh()
            nb = read_nb(path)
            nb.cells[i].source = source
            write_nb(nb, path)
            nb_export(path, c.tree/'fmnist_nb')
            by = c.killer(path, [] if quick else paths[paths.index(path)+1:], limits)
            name = path.stem[3:]
            score[name][0] += bool(by)
            score[name][1] += 1
            if not by: survivors.append(id)
            print(f'{id:8}{name}.{where} cell {i} line {line}: {change[:100]:<70}  {by or "SURVIVED"}', flush=True)
            path.write_bytes(good[path])
            nb_export(path, c.tree/'fmnist_nb')
    print(f'\n{len(todo)-len(survivors)} of {len(todo)} killed ({", ".join(f"{k} {a} of {b}" for k,(a,b) in score.items())}) '
          f'in {(time.monotonic()-start)/60:.0f} minutes\nsurvived: {" ".join(survivors) or "none"}')
