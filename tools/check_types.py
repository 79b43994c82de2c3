"""Do type checkers understand the package as it is installed? What `make types` runs

mypy checks tests/user_program.py, which uses the whole public API, and that the stubs say what is there at run time.
Where pyright is installed, it checks the program too, and that every public name has a type."""
import os, shutil, subprocess, sys, sysconfig, tempfile, venv
from pathlib import Path
from fastcore.script import call_parse
import run_tests

root = Path(__file__).resolve().parent.parent
name = 'fmnist_nb'

@call_parse
def main():
    "Install the wheel in an environment of its own, which borrows everything else from this one, and check its types"
    clean = {k: v for k,v in os.environ.items() if not k.startswith('PYTHON')} | {'MPLBACKEND': 'agg'}
    def run(*args, env=clean, **kw): run_tests.run(*args, env=env, **kw)
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        shutil.copytree(root/name, d/'tree'/name, ignore=shutil.ignore_patterns('__pycache__'))
        for o in ('settings.ini', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in'): shutil.copy(root/o, d/'tree')
        program = shutil.copy(root/'tests'/'user_program.py', d)
        try:
            run(sys.executable, '-m', 'build', '--wheel', '--outdir', d/'dist', d/'tree', stdout=subprocess.DEVNULL)
            venv.create(d/'env', symlinks=os.name!='nt')
            lib = sysconfig.get_path('purelib', vars={'base': str(d/'env')})
            python = d/'env'/Path(sysconfig.get_path('scripts')).name/Path(sys.executable).name
            run(sys.executable, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-deps', '--no-index', '--target', lib,
                *(d/'dist').glob('*.whl'))
            Path(lib, 'others.pth').write_text(sysconfig.get_path('purelib')) # its own .pth files, and so this tree, are not read
            run(python, '-m', 'mypy', '--strict', '--cache-dir', Path(sys.prefix)/'.mypy_cache', program, cwd=d)
            run(python, '-m', 'mypy.stubtest', name, cwd=d)
            run(python, '-W', 'error', program, cwd=d)
            if not (pyright := shutil.which('pyright')): return print('pyright is not installed here')
            env = clean | {'PATH': f'{python.parent}{os.pathsep}{os.environ["PATH"]}', 'VIRTUAL_ENV': str(d/'env')}
            run(pyright, program, cwd=d/'dist', env=env)
            run(pyright, '--verifytypes', name, '--ignoreexternal', cwd=d/'dist', env=env)
        except subprocess.CalledProcessError as e: sys.exit(f'types: {e}')
