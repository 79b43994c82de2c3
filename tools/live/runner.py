"Runs the cells of a chapter in the browser, and says what came out as a notebook would"
import ast, base64, html, importlib.abc, importlib.machinery, io, linecache, os, pprint, re, statistics, struct, sys, time, timeit, traceback, types, zlib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

# ---- Packages that a browser lacks: importing them works, using them says so ----

class NotInBrowser(Exception): "Something that this page cannot do"

class _Absent:
    "A name of an absent package"
    def __init__(self, package): self._package = package
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return _Absent(self._package)
    def _fail(self, *args, **kwargs): raise NotInBrowser(f'{self._package} is not here: this page has Python and its standard library')
    __call__ = __getitem__ = __iter__ = __len__ = __mro_entries__ = __instancecheck__ = _fail

class _AbsentModule(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return _Absent(self.__name__.split('.')[0])

class _AbsentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('numpy', 'torch', 'torchvision', 'matplotlib', 'PIL', 'safetensors'): return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec): return _AbsentModule(spec.name)
    def exec_module(self, module): pass

sys.meta_path.append(_AbsentFinder())

# ---- As much of matplotlib as shows grey pictures ----

def _png(rows, low, high):
    "`rows` of numbers as a PNG, `low` in black and `high` in white"
    grey = lambda v: round(255*min(1, max(0, (v-low)/(high-low or 1))))
    data = zlib.compress(b''.join(b'\0' + bytes(map(grey, row)) for row in rows))
    part = lambda name, b: struct.pack('>I', len(b)) + name + b + struct.pack('>I', zlib.crc32(name+b))
    return b'\x89PNG\r\n\x1a\n' + part(b'IHDR', struct.pack('>2I5B', len(rows[0]), len(rows), 8, 0, 0, 0, 0)) + part(b'IDAT', data) + part(b'IEND', b'')

class _Axes:
    "A picture with its title, labels and ticks"
    def __init__(self): self.rows,self.shown,self.said = None,True,{}
    def imshow(self, rows, cmap='gray', vmin=None, vmax=None):
        self.rows = [list(row) for row in rows]
        flat = [v for row in self.rows for v in row]
        self.png = _png(self.rows, min(flat) if vmin is None else vmin, max(flat) if vmax is None else vmax)
    def set(self, **said): self.said |= said
    def axis(self, on): self.shown = on!='off'
    def __getattr__(self, name):
        if m := re.fullmatch('set_(title|[xy](label|ticks))', name): return lambda v: self.set(**{m[1]: v})
        raise NotInBrowser(f'matplotlib is not here: this page shows grey pictures, and has no `{name}`')
    def svg(self, x, y, w, h):
        "The drawing, in the rectangle of `w` x `h` at `x`, `y`"
        text = lambda x, y, s, more='': f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(str(s))}</text>'
        title = text(x+w/2, y+16, self.said.get('title', ''), 'font-size="13"')
        if not self.rows: return title
        left,below = (44,38) if self.shown else (4,4)
        n,m = len(self.rows),len(self.rows[0])
        one = min((w-left-8)/m, (h-24-below)/n) # the side of a pixel
        x,y = x+left+(w-left-8-m*one)/2,y+24
        res = f'{title}<image x="{x:.1f}" y="{y:.1f}" width="{m*one:.1f}" height="{n*one:.1f}" href="data:image/png;base64,{base64.b64encode(self.png).decode()}"/>'
        if not self.shown: return res
        for v in self.said.get('xticks', range(0, m, 5)): res += text(x+(v+.5)*one, y+n*one+14, v, 'font-size="10"')
        for v in self.said.get('yticks', range(0, n, 5)): res += text(x-6, y+(v+.5)*one+4, v, 'font-size="10" style="text-anchor:end"')
        cx,cy = x-28,y+n*one/2
        return res + text(x+m*one/2, y+n*one+31, self.said.get('xlabel', '')) + text(cx, cy, self.said.get('ylabel', ''), f'transform="rotate(-90 {cx:.1f} {cy:.1f})"')

class _Grid(list):
    flat = property(lambda self: [a for o in self for a in (o.flat if isinstance(o, _Grid) else [o])])

class _Figure:
    open = []
    def __init__(self, figsize=(4.8, 3.6), nrows=1, ncols=1, **kwargs):
        self.size,self.axes = [100*v for v in figsize],_Grid(_Grid(_Axes() for _ in range(ncols)) for _ in range(nrows))
        self.open.append(self)
    def _repr_html_(self):
        (w,h),n,m = self.size,len(self.axes),len(self.axes[0])
        what = html.escape(', '.join(str(a.said.get('title', 'a picture')) for a in self.axes.flat))
        parts = ''.join(a.svg(j*w/m, i*h/n, w/m, h/n) for i,row in enumerate(self.axes) for j,a in enumerate(row))
        return f'<svg class="sheet live-figure" role="img" aria-label="{what}" style="width:{w:.0f}px" viewBox="0 0 {w:.0f} {h:.0f}">{parts}</svg>'

def _subplots(nrows=1, ncols=1, **kwargs):
    fig = _Figure(nrows=nrows, ncols=ncols, **kwargs)
    axes = fig.axes if min(nrows, ncols)>1 else _Grid(fig.axes.flat)
    return fig, axes[0] if nrows==ncols==1 else axes

class _Pyplot(types.ModuleType):
    rcParams,style = {},types.SimpleNamespace(use=lambda name: None)
    figure,subplots = _Figure,staticmethod(_subplots)
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        axes = (_Figure.open or [_Figure()])[-1].axes.flat[-1]
        return getattr(axes, f'set_{name}' if name in ('title', 'xlabel', 'ylabel', 'xticks', 'yticks') else name)

# ---- As much of IPython as the chapters use ----

class Markdown(str): _repr_markdown_ = str.__str__
class HTML(str): _repr_html_ = str.__str__

def _module(name, **names):
    m = sys.modules[name] = names.pop('kind', types.ModuleType)(name)
    vars(m).update(names)
    return m

import matplotlib
matplotlib.pyplot = _module('matplotlib.pyplot', kind=_Pyplot)
_module('IPython').display = _module('IPython.display', Markdown=Markdown, HTML=HTML)

def _seconds(t):
    unit,name = next(((u,n) for u,n in ((1,'s'), (1e-3,'ms'), (1e-6,'µs')) if t>=u), (1e-9,'ns'))
    return f'{t/unit:.3g} {name}'

class TimeitResult:
    "What `%timeit -o` gives"
    def __init__(self, loops, runs):
        self.loops,self.repeat,self.timings = loops,len(runs),[t/loops for t in runs]
        self.best,self.worst,self.average,self.stdev = min(self.timings),max(self.timings),statistics.fmean(self.timings),statistics.pstdev(self.timings)
    def __repr__(self):
        return (f'{_seconds(self.average)} ± {_seconds(self.stdev)} per loop '
                f'(mean ± std. dev. of {self.repeat} run{"s"*(self.repeat>1)}, {self.loops:,} loop{"s"*(self.loops>1)} each)')

def _timeit(line, names):
    opts,code = re.match(r'((?:-\w+(?: +\d+)? +)*)(.*)', line).groups()
    number = lambda flag: int(m[1]) if (m := re.search(rf'-{flag} *(\d+)', opts)) else None
    timer = timeit.Timer(code, globals=names)
    loops = number('n') or timer.autorange()[0]
    res = TimeitResult(loops, timer.repeat(number('r') or 7, loops))
    if '-q' not in opts: print(res)
    return res if '-o' in opts else None

def as_python(code):
    "`code` without directives, its `%timeit` lines as calls"
    code = re.sub(r'^#\|.*\n?', '', code, flags=re.M)
    return re.sub(r'^([ \t]*(?:\w+ *= *)?)%timeit +(.*)$', lambda m: f'{m[1]}_timeit({m[2]!r}, globals())', code, flags=re.M)

# ---- What a cell says ----

def _table(md):
    "The Markdown table `md` as HTML"
    cut = lambda line: [re.sub('`([^`]+)`', r'<code>\1</code>', html.escape(o.strip())) for o in re.split(r'(?<!\\)\|', line.strip().strip('|'))]
    row = lambda line, tag: '<tr>' + ''.join(f'<{tag}>{o}</{tag}>' for o in cut(line)) + '</tr>'
    head,_,*rest = md.strip().splitlines()
    return f'<div class="scroll"><table><thead>{row(head, "th")}</thead><tbody>{"".join(row(o, "td") for o in rest)}</tbody></table></div>'

def _shown(o):
    "What the value `o` of a cell looks like: `(kind, text)`"
    if not isinstance(o, type):
        if hasattr(o, '_repr_html_'): return 'html', o._repr_html_()
        if hasattr(o, '_repr_markdown_'): return 'html', _table(o._repr_markdown_())
    return 'text', pprint.pformat(o, width=79, sort_dicts=False) if type(o) in (list, tuple, dict) else repr(o)

class _Stream(io.TextIOBase):
    "What is printed goes to the page a few times a second; no more than 100,000 characters of it"
    def __init__(self, send, kind): self.send,self.kind,self.parts,self.left,self.sent = send,kind,[],100_000,0
    def writable(self): return True
    def write(self, s):
        if self.left>0:
            self.parts.append(s[:self.left])
            self.left -= len(s)
            if self.left<=0: self.parts.append('\n… there is more, which is not shown')
        if time.monotonic()-self.sent>.1: self.flush()
        return len(s)
    def flush(self):
        if self.parts: self.send(self.kind, ''.join(self.parts))
        self.parts,self.sent = [],time.monotonic()

class Session:
    "A chapter that runs: its variables, and how many cells have run"
    def __init__(self):
        self.module = sys.modules['__main__'] = types.ModuleType('__main__')
        self.names,self.count = vars(self.module),0
        self.names['_timeit'] = _timeit

    def run(self, code, send):
        "Run `code`; `send(kind, text)` gets what it says; returns whether it went without an error"
        self.count += 1
        name,code = f'<cell [{self.count}]>',as_python(code)
        linecache.cache[name] = len(code), None, code.splitlines(True), name
        _Figure.open.clear()
        out,err = _Stream(send, 'stdout'),_Stream(send, 'stderr')
        try:
            with redirect_stdout(out), redirect_stderr(err):
                tree,value = ast.parse(code, name),None
                last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(';') else None
                exec(compile(tree, name, 'exec'), self.names)
                if last: value = eval(compile(ast.Expression(last.value), name, 'eval'), self.names)
            out.flush(); err.flush()
            if value is not None: send(*_shown(value))
            for f in _Figure.open: send('html', f._repr_html_())
            return True
        except BaseException as e:
            out.flush(); err.flush()
            tb = e.__traceback__
            while tb and tb.tb_frame.f_code.co_filename!=name: tb = tb.tb_next # from the cell on
            send('error', ''.join(traceback.format_exception(type(e), e, tb)))
            return False

# ---- Data: where `download` finds it in place ----

def start(digests):
    "A new session, where the four files in the cache have these `digests`: those of a sample, or what `DATASETS` says"
    from fmnist_nb.download import DATASETS
    DATASETS['fashion-mnist'].update(digests)
    return Session()
