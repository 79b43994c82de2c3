"""Other versions of things, type checkers, coverage and fuzzing, each session in an environment of its own

`.venv/bin/nox -l` lists the sessions and `.venv/bin/nox -s types` runs one, as .ci/run and .github/workflows do."""
import shutil, sys, sysconfig
from pathlib import Path
import nox

root = Path(__file__).resolve().parent
pythons = nox.session(python=['3.11', '3.12', '3.13', '3.14'])
pins = '-c', str(root/'constraints.txt')
everything = 'from importlib import import_module; [import_module(f"fmnist_nb.{m}") for m in '
nox.options.sessions = []

def borrow(session, *packages):
    "Install `packages`, in front of what the environment of nox has. (The .pth files there, one of which leads to this tree, are not read.)"
    session.install(*packages)
    site = next(Path(session.virtualenv.location).glob('[Ll]ib/**/site-packages'))
    (site/'others.pth').write_text(sysconfig.get_path('purelib'))

def wheel(session):
    "Install the wheel, and go to a copy of the tests that has no tree around it"
    d = Path(session.virtualenv.location)/'away'
    shutil.rmtree(d, ignore_errors=True)
    session.run(sys.executable, '-m', 'build', '--outdir', d, root, external=True, silent=True)
    session.install('--no-deps', *map(str, d.glob('*.whl')))
    shutil.copytree(root/'tests', d/'tests')
    shutil.copy(root/'pyproject.toml', d)
    session.chdir(d/'tests')
    session.env.update({'MPLBACKEND': 'agg', 'PYTHONDONTWRITEBYTECODE': '1'})

@nox.session
def types(session):
    "What type checkers find in a user's program, and whether the stubs say what the modules say"
    borrow(session, *pins, 'mypy')
    wheel(session)
    session.run('mypy', '--strict', '--cache-dir', Path(sys.prefix)/'.mypy_cache', 'user_program.py')
    session.run('stubtest', 'fmnist_nb')
    session.run('python', '-W', 'error', 'user_program.py')
    if not shutil.which('pyright'): return session.log('pyright is not installed here')
    session.env['VIRTUAL_ENV'] = session.virtualenv.location
    session.run('pyright', 'user_program.py', external=True)
    session.run('pyright', '--verifytypes', 'fmnist_nb', '--ignoreexternal', external=True)

@nox.session
@nox.parametrize('version', ['==1.14.1', '<3'], ids=['oldest', 'newest'])
def fastcore(session, version):
    "The commands, and the tests that need no notebook, beside the oldest and the newest fastcore"
    borrow(session, f'fastcore{version}')
    wheel(session)
    modules = [p.stem for p in (root/'fmnist_nb').glob('[!_]*.py')]
    session.run('python', '-W', 'error', '-c', f'{everything}{modules}]; import fastcore; print("fastcore", fastcore.__version__)')
    for o in ('fmnist_download', 'fmnist_compare Dress Coat --norm l2', 'fmnist_rng'): session.run(*o.split())
    session.run('python', '-m', 'pytest', '-q', 'test_fuzz.py', 'test_faults.py')

@nox.session
def nbdev3(session):
    "nbdev 3, which reads pyproject.toml and not settings.ini: it exports, cleans and tests a copy of the tree"
    borrow(session, 'nbdev>=3,<4')
    tree = Path(session.virtualenv.location)/'tree'
    shutil.rmtree(tree, ignore_errors=True)
    for o in ('nbs', 'fmnist_nb'): shutil.copytree(root/o, tree/o, ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(root/'pyproject.toml', tree)
    session.chdir(tree)
    session.env.update({'PYTHONPATH': str(tree), 'MPLBACKEND': 'agg', 'PYTHONDONTWRITEBYTECODE': '1'})
    session.run('nbdev-export')
    session.run('nbdev-clean')
    # The links in the index come from [project.urls], which setup.py makes
    session.run('diff', '-r', '-x', '__pycache__', '-x', '_modidx.py', root/'fmnist_nb', 'fmnist_nb', external=True)
    session.run('diff', '-r', '-x', '.*', root/'nbs', 'nbs', external=True)
    session.run('nbdev-test', '--timing')

@pythons
def light(session):
    "Chapters 00 to 03 where no torch is: imports, 20,000 IDX inputs, faulty servers"
    session.install('fastcore>=1.14,<3', 'filelock', 'tqdm', 'numpy', 'pytest')
    wheel(session)
    session.run('python', '-W', 'error', '-c', f'{everything}"download idx chunks matrix".split()]; import sys; assert "torch" not in sys.modules')
    session.run('python', '-W', 'error', 'idx_oracle.py')
    session.run('python', '-m', 'pytest', '-q', 'test_faults.py::test_fault', 'test_faults.py::test_https')

@pythons
def notebooks(session):
    "All chapters and what need not be Linux of tests/, with the newest of all; another torch: nox -s notebooks-3.11 -- torch==2.4.0"
    session.install('-e', '.[dev]', *session.posargs)
    session.run('nbdev_test', '--timing', '--n_workers', '2')
    session.run('pytest', '-q', 'tests/test_fuzz.py', 'tests/test_notebooks.py')

@nox.session
def coverage(session):
    "Which lines of fmnist_nb/ the tests execute: at least 98 %"
    borrow(session, *pins, 'coverage')
    session.env.update({'PYTHONPATH': str(root), 'COVERAGE_FILE': str(Path(session.virtualenv.location)/'coverage')})
    run = 'python', '-m', 'coverage', 'run'
    session.run(*run, 'tools/cover.py', '--n_workers', '0', '--flags', 'mnist')
    session.run(*run, '-m', 'pytest', '-q', 'tests/test_faults.py', 'tests/test_fuzz.py')
    session.run('coverage', 'combine', '-q')
    session.run('coverage', 'report', '--fail-under=98')

@nox.session
def fuzz(session):
    "Look for inputs that break the IDX decoder; more: nox -s fuzz -- -runs=10000000"
    borrow(session, *pins, 'atheris')
    session.env['PYTHONPATH'] = f'{root}:{root/"tests"}'
    session.run('python', 'tools/fuzz.py', *(session.posargs or ['-runs=1000000']))

@nox.session
def others(session):
    "Other people's tests and tutorials, with our classes in them. Some are taken from checkouts: FMNIST_NB_OTHERS names their folder"
    borrow(session, '--no-deps', *pins, 'torchvision', 'idx2numpy', 'six', 'nbmake')
    session.env['PYTHONPATH'] = str(root)
    session.run('python', '-m', 'pytest', '-q', '-rs', '-m', 'others or not others', 'tests/test_others.py', *session.posargs)
