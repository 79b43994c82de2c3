"Exercises that check you: a solution's cell becomes a stub to fill in and checks below it; the solution comes when it is asked for"
import ast, copy, html, io, os, re, traceback
from contextlib import redirect_stdout

def _is_check(o): return bool(re.search(r'\b(test_\w+\(|assert\b)', ast.unparse(o)))

# ---- When the site is built ----
class _Hollow(ast.NodeTransformer):
    "Leaves of a solution the names that are `used`, with `...` for a value or for what is below the docstring"
    def __init__(self, used): self.used = used
    def visit_FunctionDef(self, o):
        o.body = [*o.body[:ast.get_docstring(o) is not None], ast.Expr(ast.Constant(...))]
        return o if o.name in self.used or o.name.startswith('__') else None
    def visit_Assign(self, o):
        o.value = ast.Constant(...)
        return o if ast.unparse(o.targets) in self.used else None
    visit_Expr = visit_Import = visit_ImportFrom = lambda self, o: None

def exercise(source):
    "`(stub, checks)` of a solution's cell, whose first paragraph is the solution; None for another cell, or one that checks nothing"
    solution,_,checks = re.sub(r'^#\|.*\n', '', source, flags=re.M).rstrip().partition('\n\n')
    if not re.search(r'^#\| *code-summary: *"(Solution|Warm-up)', source, re.M): return None
    todo = ast.parse(checks)
    stub = _Hollow({getattr(o, 'id', getattr(o, 'attr', None)) for o in ast.walk(todo)}).visit(ast.parse(solution))
    return (ast.unparse(stub), checks) if stub.body and any(map(_is_check, todo.body)) else None

_code = '<div class="sourceCode"{}><pre class="sourceCode python"><code class="sourceCode python">{}</code></pre></div>'
_block = '''<div class="cell exercise">{stub}<details class="checks"><summary>{n}</summary>{checks}</details>
<details class="solution" id="{id}"><summary>Show a solution</summary><p><a href="{file}#{id}">The solution is on a page of its own</a></p></details></div>'''
_page = '''<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<base href="../../"><link rel="stylesheet" href="styles.css"><link rel="icon" href="favicon.svg"><title>Solutions: {title}</title><main style="max-width:50rem;margin:auto;padding:1rem"><h1>Solutions: {title}</h1>{body}</main></html>'''

def put_exercises(page, cells, out):
    "Put those exercises among the `cells` that run into `page`, and their solutions on a page in the folder `out`"
    page.whole,todo,body = copy.copy(page.main),{c['code']: c for c in cells if c['exercise'] and not c['missing']},''
    file = page.href.replace('.', '_solutions.')
    for fold in page.main.select('details[id^=solution], details[id^=warm-up]'):
        code,cell = fold.select_one('code.sourceCode'),fold.find_parent('div', class_='cell')
        if not (c := todo.get(code.get_text().strip())): continue
        (stub,checks),(solution,shown) = c['exercise'],code.decode_contents().split('\n\n', 1)
        n = sum(map(_is_check, ast.parse(checks).body))
        body += f'<section id="{fold["id"]}"><h2>{html.escape(fold.summary.get_text())}</h2>{_code.format("", solution)}{"".join(map(str, cell.select(".cell-output")))}</section>\n'
        cell.replace_with(type(page.soup)(_block.format(id=fold['id'], file=file, n=f'{n} check{"s"*(n>1)}', checks=_code.format('', shown),
                                                        stub=_code.format(f' data-cell="{c["id"]}"', html.escape(stub))), 'html.parser'))
    (out/file).write_text(_page.format(title=html.escape(page.title), body=body), encoding='utf-8')

# ---- When the reader presses Check ----
def _apart(a, b, n=250):
    "`a` and `b` as far as a page can show them: where they begin to differ"
    at = len(os.path.commonprefix([a, b]))
    at = max(0, at-n//2)*(at>n-50)
    return [('… ' if at else '') + s[at:at+n] + (' …' if len(s)>at+n else '') for s in (a, b)]

def _why(e, check, names, cell):
    "What the error `e` in the statement `check` says to who wrote `cell`"
    if not isinstance(e, AssertionError):
        tb = e.__traceback__
        while tb and tb.tb_frame.f_code.co_filename!=cell: tb = tb.tb_next # from the reader's lines on, if it came from them
        return ''.join(traceback.format_exception(type(e), e, tb) if tb else traceback.format_exception_only(e)).rstrip()
    said = str(e).split('\n')
    if said[0] in ('==:', 'close:') and len(said)==3: return 'got      {}\nexpected {}'.format(*_apart(*said[1:]))
    used = dict.fromkeys(o.id for o in ast.walk(check) if isinstance(o, ast.Name))
    values = [f'{k} is {names[k]!r}' for k in used if isinstance(names.get(k), (int, float, str))]
    return str(e).strip()[:600] or ', '.join(values)[:300] or 'It is not so.'

def check(session, code, checks, send):
    "Run what the reader wrote, then all checks that can be run; `send(kind, text)` gets the result in words; returns whether all is right"
    if not session.run(code, send): return False
    if re.search(r'(^|[=:]) *\.\.\. *(#.*)?$', code, re.M):
        send('wrong', 'Something is still to be written: put your code in place of the dots, then press Check.')
        return False
    cell,out,todo,passed,wrong = f'<cell [{session.count}]>',io.StringIO(),ast.parse(checks).body,0,[]
    for o in todo:
        try:
            with redirect_stdout(out): exec(compile(ast.Module([o], []), '<checks>', 'exec'), session.names)
            passed += _is_check(o)
        except BaseException as e:
            wrong.append(f'{ast.get_source_segment(checks, o)}\n\n{_why(e, o, session.names, cell)}')
            if not _is_check(o): break # it prepares what is below
    count = f'{passed} of {sum(map(_is_check, todo))} checks pass'
    if out.getvalue(): send('stdout', out.getvalue()[:10_000])
    send(*('wrong', f'{count}. The first that does not:\n\n{wrong[0]}') if wrong else ('right', f'Right: {count}.'))
    return not wrong
