"Runs the cells of a chapter in the browser, and says what came out as a notebook would"
import ast, base64, html, importlib.abc, importlib.machinery, io, linecache, pprint, re, statistics, struct, sys, time, timeit, traceback, types, zlib
from contextlib import redirect_stderr, redirect_stdout

# ---- Packages that a browser lacks: importing them works, using them says so ----
class NotInBrowser(Exception): "Something that this page cannot do"
class _Absent:
    "A name of an absent package"
    def __init__(self, package): self._package = package
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return _Absent(self._package)
    def __mro_entries__(self, bases): return ()
    __or__ = __ror__ = lambda self, other: self # in an annotation
    def _use(self, *args, **kwargs):
        caller = sys._getframe(1)
        if caller.f_code.co_name=='<module>' and caller.f_globals['__name__']!='__main__': return self # a module of the library is being imported
        raise NotInBrowser(f'{self._package} is not here: this page has Python and its standard library')
    __call__ = __getitem__ = __iter__ = __len__ = __bool__ = __repr__ = _use

class _AbsentModule(types.ModuleType, _Absent):
    _package = property(lambda self: self.__name__.split('.')[0])
class _AbsentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('numpy', 'torch', 'torchvision', 'matplotlib', 'PIL', 'safetensors'): return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec): return _AbsentModule(spec.name)
    def exec_module(self, module): pass
sys.meta_path.append(_AbsentFinder())

# ---- As much of matplotlib as shows grey pictures ----
def _png(rows, low, high):
    "`rows` of numbers as a PNG, `low` in black and `high` in white"
    data = zlib.compress(b''.join(b'\0' + bytes(round(255*min(1, max(0, (v-low)/(high-low or 1)))) for v in row) for row in rows))
    part = lambda name, b: struct.pack('>I', len(b)) + name + b + struct.pack('>I', zlib.crc32(name+b))
    return b'\x89PNG\r\n\x1a\n' + part(b'IHDR', struct.pack('>2I5B', len(rows[0]), len(rows), 8, 0, 0, 0, 0)) + part(b'IDAT', data) + part(b'IEND', b'')

class _Axes:
    "A picture with its title, labels and ticks"
    def __init__(self): self.rows,self.framed,self.said = [],True,{}
    def imshow(self, rows, cmap='gray', vmin=None, vmax=None):
        self.rows = [list(row) for row in rows]
        flat = sum(self.rows, [])
        self.png = base64.b64encode(_png(self.rows, min(flat) if vmin is None else vmin, max(flat) if vmax is None else vmax)).decode()
    def set(self, **said): self.said |= said
    def axis(self, on): self.framed = on!='off'
    def __getattr__(self, name):
        if m := re.fullmatch('(?:set_)?(title|[xy](label|ticks))', name): return lambda v: self.set(**{m[1]: v})
        raise NotInBrowser(f'matplotlib is not here: this page shows grey pictures, but has no `{name}`')
    def svg(self, x, y, w, h):
        "The drawing, in the rectangle of `w` x `h` at `x`, `y`"
        text = lambda x, y, s, more='': f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(str(s))}</text>'
        res = text(x+w/2, y+16, self.said.get('title', ''), 'font-size="13"')
        if not self.rows: return res
        n,m,left = len(self.rows),len(self.rows[0]),44*self.framed
        one = min((w-left-12)/m, (h-28-left)/n) # the side of a pixel
        x,y = x+(w+left-m*one)/2,y+24
        res += f'<image x="{x:.1f}" y="{y:.1f}" width="{m*one:.1f}" height="{n*one:.1f}" href="data:image/png;base64,{self.png}"/>'
        if not self.framed: return res
        res += ''.join(text(x+(v+.5)*one, y+n*one+14, v, 'font-size="10"') for v in self.said.get('xticks', range(0, m, 5)))
        res += ''.join(text(x-6, y+(v+.5)*one+4, v, 'font-size="10" style="text-anchor:end"') for v in self.said.get('yticks', range(0, n, 5)))
        return res + text(x+m*one/2, y+n*one+31, self.said.get('xlabel', '')) + f'<g transform="translate({x-28:.1f} {y+n*one/2:.1f}) rotate(-90)">{text(0, 0, self.said.get("ylabel", ""))}</g>'

class _Grid(list): flat = property(lambda self: [a for o in self for a in (o.flat if isinstance(o, _Grid) else [o])])

class _Figure:
    open = []
    def __init__(self, figsize=(6.4, 4.8), nrows=1, ncols=1, **kwargs):
        self.size,self.axes = [100*v for v in figsize],_Grid(_Grid(_Axes() for _ in range(ncols)) for _ in range(nrows))
        self.open.append(self)
    def _repr_html_(self):
        (w,h),n,m = self.size,len(self.axes),len(self.axes[0])
        what = html.escape(', '.join(str(a.said.get('title', 'a picture')) for a in self.axes.flat))
        parts = ''.join(a.svg(j*w/m, i*h/n, w/m, h/n) for i,row in enumerate(self.axes) for j,a in enumerate(row))
        return f'<svg class="sheet live-figure" role="img" aria-label="{what}" style="width:{w:.0f}px" viewBox="0 0 {w:.0f} {h:.0f}">{parts}</svg>'

def _subplots(nrows=1, ncols=1, **kwargs):
    fig = _Figure(nrows=nrows, ncols=ncols, **kwargs)
    return fig, fig.axes[0][0] if nrows==ncols==1 else fig.axes if min(nrows, ncols)>1 else _Grid(fig.axes.flat)

class _Pyplot(types.ModuleType):
    rcParams,style,figure,subplots = {},types.SimpleNamespace(use=lambda name: None),_Figure,staticmethod(_subplots)
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return getattr((_Figure.open or [_Figure()])[-1].axes.flat[-1], name)

# ---- As much of IPython as the chapters use ----
class Markdown(str): _repr_markdown_ = str.__str__
class HTML(str): _repr_html_ = str.__str__
sys.modules['IPython'] = sys.modules['IPython.display'] = types.SimpleNamespace(Markdown=Markdown, HTML=HTML, __path__=[])
import matplotlib
matplotlib.pyplot = sys.modules['matplotlib.pyplot'] = _Pyplot('matplotlib.pyplot')

class TimeitResult:
    "What `%timeit -o` gives"
    def __init__(self, loops, runs):
        self.loops,self.repeat,self.all_runs,self.timings = loops,len(runs),runs,[t/loops for t in runs]
        self.best,self.worst,self.average,self.stdev = min(self.timings),max(self.timings),statistics.fmean(self.timings),statistics.pstdev(self.timings)
    def __repr__(self):
        unit,name = next(((u, n) for u,n in ((1, 's'), (1e-3, 'ms'), (1e-6, 'µs')) if self.average>=u), (1e-9, 'ns'))
        return (f'{self.average/unit:.3g} {name} ± {self.stdev/unit:.3g} {name} per loop '
                f'(mean ± std. dev. of {self.repeat} run{"s"*(self.repeat>1)}, {self.loops:,} loop{"s"*(self.loops>1)} each)')

def _timeit(line, names):
    opts,code = re.match(r'((?:-\w+(?: +\d+)? +)*)(.*)', line).groups()
    flags,timer = {k: int(n or 0) for k,n in re.findall(r'-(\w) *(\d*)', opts)},timeit.Timer(code, globals=names)
    loops = flags.get('n') or timer.autorange()[0]
    res = TimeitResult(loops, timer.repeat(flags.get('r', 7), loops))
    if 'q' not in flags: print(res)
    return res if 'o' in flags else None

# ---- What a cell says ----
def _table(md):
    "The Markdown table `md` as HTML"
    head,_,*rest = [re.sub('`([^`]+)`', r'<code>\1</code>', html.escape(line.strip(' |'))).split('|') for line in md.strip().splitlines()]
    row = lambda cells, tag: '<tr>' + ''.join(f'<{tag}>{o.strip()}</{tag}>' for o in cells) + '</tr>'
    return f'<div class="scroll"><table><thead>{row(head, "th")}</thead><tbody>{"".join(row(o, "td") for o in rest)}</tbody></table></div>'

def _shown(o):
    "What the value `o` of a cell looks like: `(kind, text)`"
    if hasattr(type(o), '_repr_html_'): return 'html', o._repr_html_()
    if hasattr(type(o), '_repr_markdown_'): return 'html', _table(o._repr_markdown_())
    return 'text', repr(o) if isinstance(o, (str, bytes)) else pprint.pformat(o, width=79, sort_dicts=False)

class _Stream(io.TextIOBase):
    "What is printed goes to the page ten times a second at most, and no more than 100,000 characters of it"
    def __init__(self, send, kind): self.send,self.kind,self.text,self.left,self.sent = send,kind,'',100_000,time.monotonic()
    def writable(self): return True
    def write(self, s):
        self.text += s[:self.left] + ('\n… there is more, which is not shown' if 0<self.left<=len(s) else '')
        self.left = max(0, self.left-len(s))
        if time.monotonic()-self.sent>.1: self.flush()
        return len(s)
    def flush(self):
        if self.text: self.send(self.kind, self.text)
        self.text,self.sent = '',time.monotonic()

class Session:
    "A chapter that runs: its variables, and how many cells have run"
    def __init__(self):
        self.module = sys.modules['__main__'] = types.ModuleType('__main__')
        self.names,self.count = vars(self.module),0
        self.names['_timeit'] = _timeit
    def run(self, code, send):
        "Run `code`; `send(kind, text)` gets what it says; returns whether it went without an error"
        self.count += 1
        code = re.sub(r'^([ \t]*(?:\w+ *= *)?)%timeit +(.*)$', lambda m: f'{m[1]}_timeit({m[2]!r}, globals())', code, flags=re.M)
        name,value = f'<cell [{self.count}]>',None
        linecache.cache[name] = len(code), None, code.splitlines(True), name
        _Figure.open.clear()
        try:
            with redirect_stdout(_Stream(send, 'stdout')) as out, redirect_stderr(_Stream(send, 'stderr')) as err:
                try:
                    tree = ast.parse(code, name)
                    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(';') else None
                    exec(compile(tree, name, 'exec'), self.names)
                    if last: value = eval(compile(ast.Expression(last.value), name, 'eval'), self.names)
                finally: out.flush(); err.flush()
            if value is not None: send(*_shown(value))
            for f in _Figure.open: send('html', f._repr_html_())
        except BaseException as e:
            tb = e.__traceback__
            while tb and tb.tb_frame.f_code.co_filename!=name: tb = tb.tb_next # from the cell on
            send('error', ''.join(traceback.format_exception(type(e), e, tb)))
            return False
        return True

def start(digests):
    "A new session, where the four files of the data set, in the cache, have these `digests`"
    from fmnist_nb.download import DATASETS
    DATASETS['fashion-mnist'].update(digests)
    return Session()
