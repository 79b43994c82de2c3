"""Write the stubs of fmnist_nb/, for what reads code without running it: type checkers and editors; part of `make export`

They do not see the methods that `@patch` gives to a class. A stub has them in the class."""
import ast, importlib, re, sys
from pathlib import Path
from fastcore.script import call_parse

root = Path(__file__).resolve().parent.parent
lib = root/'fmnist_nb'

# What the code doesn't tell: results whose type is that of an argument, arguments that arrays may be, attributes
arrays = 'Tensor | np.ndarray'
same = ['(self, x: Tensor) -> Tensor', '(self, x: np.ndarray) -> np.ndarray']
signatures = {
    'Matrix.__getitem__': ['(self, key: tuple[SupportsIndex, SupportsIndex]) -> float',
                           '(self, key: slice | tuple[slice, slice]) -> Matrix',
                           '(self, key: SupportsIndex | tuple[SupportsIndex, slice] | tuple[slice, SupportsIndex]) -> list[float]'],
    'Matrix.__iter__': ['(self) -> Iterator[list[float]]'],
    'Matrix.map': ['(self, f: Callable[[float], float]) -> Matrix'],
    'FashionMNIST.class_to_idx': ['(self) -> dict[str, int]'],
    'FashionMNIST.__getitem__': ['(self, i: slice | list[int] | list[bool]) -> FashionMNIST', f'(self, i: {arrays}) -> Any',
                                 '(self, i: SupportsIndex) -> tuple[Any, Any]'],
    'show_image': ['(im: Any, title: str | None = None, ax: matplotlib.axes.Axes | None = None, '
                   'figsize: tuple[float, float] = (2.2, 2.4), **kwargs: Any) -> matplotlib.axes.Axes'],
    'NearestMean.fit': [f'(self, x: {arrays}, y: {arrays}) -> NearestMean'],
    'NearestMean.partial_fit': [f'(self, x: {arrays}, y: {arrays}, classes: Any = None) -> NearestMean'],
    'NearestMean.score': [f'(self, x: {arrays}, y: {arrays}) -> float'],
    'NearestMean.distances': same, 'NearestMean.predict': same, 'NearestMean.decision_function': same,
    'WichmannHill.spawn': ['(self, k: int, draws: int = 1000000) -> list[WichmannHill]'],
    'load_lists': ["(dataset: str = 'fashion-mnist') -> tuple[list[list[int]], list[int], list[list[int]], list[int]]"],
    'chunks': ['(x: _Slices, size: SupportsIndex) -> Iterator[_Slices]', '(x: Iterable[_T], size: SupportsIndex) -> Iterator[list[_T]]']}
attributes = {'FashionMNIST': 'data: Tensor; targets: Tensor; classes: list[str]; mirrors: list[str]; resources: list[tuple[str, str]]; '
                              'training_file: str; test_file: str; root: Any; train: bool; transform: Any; target_transform: Any; '
                              'transforms: Any' + ''.join(f'; @property; def {s}_{k}(self) -> Tensor: ...'
                                                          for s in ('train', 'test') for k in ('data', 'labels')),
              'NearestMean': 'norm: str; means_: Tensor; classes_: np.ndarray[Any, Any]; counts_: Tensor; sums_: Tensor; n_features_in_: int'}
extra = {'chunks': '''_T = TypeVar('_T')
class _HasSlices(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> Any: ...
_Slices = TypeVar('_Slices', bound=_HasSlices)'''}
known = {'typing': 'Any BinaryIO NamedTuple Protocol SupportsIndex TypeVar overload', 'collections.abc': 'Callable Iterable Iterator'}
generic = {'list': 'list[Any]', 'dict': 'dict[Any, Any]', 'tuple': 'tuple[Any, ...]', 'Iterable': 'Iterable[Any]', 'array': 'array[Any]',
           'Iterator': 'Iterator[Any]', 'np.ndarray': 'np.ndarray[Any, Any]', 'os.PathLike': 'os.PathLike[str]',
           'Dataset': 'Dataset[Any]', 'DataLoader': 'DataLoader[Any]'}
result = {'__init__': 'None', '__len__': 'int', '__repr__': 'str'}

def full(s):
    "The annotation `s` with quotes taken off, and nothing generic without its arguments"
    s = re.sub(r' *\| *', ' | ', s.strip("'"))
    return re.sub(r'(?<![\w.])(' + '|'.join(map(re.escape, generic)) + r')(?![\w.\[])', lambda m: generic[m[1]], s)

def function(f, owner=''):
    "The lines for the function `f`, a method of `owner` if given"
    args,patched = f.args,[ast.unparse(o) for o in f.decorator_list if 'patch' in ast.unparse(o)]
    head = ['@property'] if any('as_prop' in o for o in patched) or 'property' in map(ast.unparse, f.decorator_list) else []
    if (finer := signatures.get(f'{owner}.{f.name}'.lstrip('.'))):
        many = ['@overload'] if len(finer)>1 else []
        return [line for o in finer for line in (*many, *head, f'def {f.name}{full(o)}: ...')]
    plain = [*args.posonlyargs, *args.args]
    default = dict(zip(reversed(plain), reversed(args.defaults))) | dict(zip(args.kwonlyargs, args.kw_defaults))
    for a in filter(None, (*plain, args.vararg, *args.kwonlyargs, args.kwarg)):
        if owner and a is plain[0]: a.annotation = None; continue
        t = full(ast.unparse(a.annotation)) if a.annotation else 'Any'
        d = ast.unparse(default[a]) if default.get(a) else ''
        if t.startswith('_'): t = type(ast.literal_eval(d)).__name__ # of call_parse's own kind
        if d.startswith("'") and 'str' not in t: t += ' | str' # which call_parse makes one of
        if d=='None' and not re.search(r'\b(None|Any)$', t): t += ' | None'
        a.annotation = ast.parse(t, mode='eval').body
    gives = any(isinstance(o, (ast.Return, ast.Yield)) and o.value for o in ast.walk(f))
    back = full(ast.unparse(f.returns)) if f.returns else result.get(f.name, 'Any' if gives else 'None')
    return [*head, f'def {f.name}({ast.unparse(args)}) -> {back}: ...']

def kind(v):
    "The type of the value `v`"
    if isinstance(v, dict): k,o = next(iter(v.items())); return f'dict[{kind(k)}, {kind(o)}]'
    if isinstance(v, tuple): return f'tuple[{", ".join(map(kind, v))}]' if len(v)<4 else f'tuple[{kind(v[0])}, ...]'
    return type(v).__name__

def stub(path):
    "The stub for the module at `path`"
    tree,module = ast.parse(path.read_text(encoding='utf-8')),importlib.import_module(f'{lib.name}.{path.stem}')
    public = lambda n: not n.startswith('_') or n.endswith('__') or n=='_repr_html_'
    classes,lines = {},[f'{n}: {kind(v)}' for n in module.__all__ if not callable(v := getattr(module, n))]
    for o in tree.body:
        if isinstance(o, ast.ClassDef) and public(o.name):
            classes[o.name] = attributes.get(o.name, '').split('; ') if o.name in attributes else []
            classes[o.name] += [full(ast.unparse(f)) for f in o.body if isinstance(f, ast.AnnAssign)]
            for f in o.body:
                if isinstance(f, ast.FunctionDef) and public(f.name): classes[o.name] += function(f, o.name)
            lines.append((o.name, full(', '.join(map(ast.unparse, o.bases)))))
        if isinstance(o, ast.FunctionDef) and public(o.name):
            owner = ast.unparse(o.args.args[0].annotation) if any('patch' in ast.unparse(d) for d in o.decorator_list) else ''
            (classes[owner] if owner else lines).extend(function(o, owner))
    text = '\n'.join(o if isinstance(o, str) else '\n    '.join([f'class {o[0]}' + (f'({o[1]})' if o[1] else '') + ':', *(classes[o[0]] or ['...'])])
                     for o in lines)
    text = '\n'.join(filter(None, [extra.get(path.stem), text]))
    used = {o.id for o in ast.walk(ast.parse(text)) if isinstance(o, ast.Name)}
    imports = [f'import {o}' for o in sorted(set(re.findall(r'matplotlib\.\w+', text)))]
    for o in (o for o in tree.body if isinstance(o, (ast.Import, ast.ImportFrom)) and getattr(o, 'module', '') not in (*known, '__future__')):
        o.names = [a for a in o.names if (a.asname or a.name.split('.')[0]) in used]
        if o.names: imports.append(ast.unparse(o))
    for m,ns in known.items():
        if some := [n for n in ns.split() if n in used]: imports.append(f'from {m} import {", ".join(some)}')
    names = ', '.join(map(repr, module.__all__))
    head = '# made from the module by tools/build_stubs.py\n# mypy: disable-error-code="assignment, override, overload-overlap"\n'
    return head + '\n'.join([*sorted(imports), '', f'__all__ = [{names}]', '', text]) + '\n'

@call_parse
def main(
    check:bool=False # Only say whether the stubs are fresh, by the exit status?
):
    "Write a stub for each module of fmnist_nb/"
    files = {p.with_suffix('.pyi'): stub(p) for p in sorted(lib.glob('[!_]*.py'))}
    stale = [p for p,s in files.items() if not p.exists() or p.read_text(encoding='utf-8')!=s]
    stale += [p for p in lib.glob('*.pyi') if p not in files]
    if check: sys.exit(f'stale, run `make export`: {", ".join(p.name for p in stale)}' if stale else 0)
    for p in stale: p.write_text(files[p], encoding='utf-8') if p in files else p.unlink()
