"All checks, in order, with a summary at the end: what `make test` runs"
import os, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path
from get_data import has_mnist

root = Path(__file__).resolve().parent.parent
bin_ = Path(sys.executable).parent
results = []

def say(msg=''): print(msg, flush=True)

def step(name, f, fix=''):
    "Run `f`, which returns a word on success and raises or returns lines starting with `FAILED` otherwise"
    say(f'== {name}')
    start = time.perf_counter()
    try: ok,word = True,f()
    except (RuntimeError, subprocess.CalledProcessError) as e:
        ok,word = False,'see above'
        say(f'FAILED: {e}' + (f'\nTo mend it: {fix}' if fix else ''))
    results.append((ok, name, time.perf_counter()-start, word or ''))

def cmd(*args, cwd=root, env={}):
    subprocess.run([str(bin_/args[0]), *map(str, args[1:])], cwd=cwd, check=True, stdin=subprocess.DEVNULL, env=os.environ | env)

def run(*args, **kw):
    "Say what is run, without folders and scripts, and run it"
    args = [str(a) for a in args]
    say('+ ' + ' '.join(Path(a).name if '/' in a else a for a in args if '\n' not in a))
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL, **kw)

def differing(a, b, pattern):
    "Names of the files that differ between folders `a` and `b`"
    names = {p.name for d in (a, b) for p in d.glob(pattern)}
    return sorted(n for n in names if not ((a/n).exists() and (b/n).exists() and (a/n).read_bytes()==(b/n).read_bytes()))

def in_copy(tool, folder, pattern, what):
    "Run `tool` in a copy of the tree and compare `folder`: nothing may have changed"
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        for o in ('nbs', 'fmnist_nb'): shutil.copytree(root/o, d/o, ignore=shutil.ignore_patterns('__pycache__', '_proc', '.ipynb_checkpoints'))
        for o in ('settings.ini', 'pyproject.toml'): shutil.copy(root/o, d)
        cmd(tool, cwd=d)
        if diff := differing(root/folder, d/folder, pattern): raise RuntimeError(f'{what}: {", ".join(diff)}')
    return f'{len(list((root/folder).glob(pattern)))} files'

def notebooks():
    nbs = len(list((root/'nbs').glob('[!_]*.ipynb')))
    flags = ['--flags', 'mnist'] if digits else []
    cmd('nbdev_test', '--timing', *flags, env={'PYTHONWARNINGS': 'error'})
    return f'{nbs} notebooks, digits {"included" if digits else "skipped: no source of MNIST"}'

def pytest():
    "Two at a time, in halves that take about as long: what calls the library here, and what is built, installed and browsed"
    files = sorted((root/'tests').glob('test_*.py'))
    halves = [[p for p in files if (p.stem in ('test_faults', 'test_fuzz'))==o] for o in (True, False)]
    running = [subprocess.Popen([str(bin_/'python'), '-m', 'pytest', '-q', '-rs', *map(str, o)], cwd=root, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for o in halves]
    outs = [p.communicate()[0].rstrip() for p in running]
    for o in outs: say(o)
    if any(p.returncode for p in running): raise RuntimeError(f'pytest exited with {", ".join(str(p.returncode) for p in running)}')
    ends = ' '.join(o.splitlines()[-1] for o in outs)
    counts = {w: sum(map(int, re.findall(rf'(\d+) {w}', ends))) for w in ('passed', 'skipped')}
    return ', '.join(f'{n} {w}' for w,n in counts.items() if n)

if __name__ == '__main__':
    digits = has_mnist()
    step('fmnist_nb/ is what the notebooks export', lambda: in_copy('nbdev_export', 'fmnist_nb', '*.py', 'not in step with the notebooks'), 'make export')
    step('notebooks are clean', lambda: in_copy('nbdev_clean', 'nbs', '*.ipynb', 'not clean'), f'{Path(os.path.relpath(bin_))}/nbdev_clean')
    step('README.md is fresh', lambda: cmd('python', 'tools/build_readme.py', '--check'), 'make readme')
    step('notebooks pass', notebooks)
    step('tests/ pass', pytest)
    say('\n== summary')
    for ok,name,t,word in results: say(f'{"ok    " if ok else "FAILED"} {name:<42}{t:6.1f} s   {word}')
    bad = sum(not ok for ok,*_ in results)
    say(f'\n{len(results)-bad} passed, {bad} failed')
    sys.exit(bool(bad))
