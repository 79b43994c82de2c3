"""Does the package work with another release of fastcore than the one that develops it? What `make test-fastcore` runs"""
import os, shutil, subprocess, sys, tempfile
from configparser import ConfigParser
from pathlib import Path
from fastcore.script import call_parse
from run_tests import run

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
name,scripts = ini['DEFAULT']['lib_name'],[o.split('=')[0] for o in ini['DEFAULT']['console_scripts'].split()]

use = f'''
import fastcore, importlib, pkgutil, {name}
for m in pkgutil.iter_modules({name}.__path__): importlib.import_module(f'{name}.{{m.name}}')
print('fastcore', fastcore.__version__, 'from', fastcore.__file__)
print('{name} from', {name}.__file__)
'''

@call_parse
def main(
    fastcore:str='2.2.39', # Which release
):
    "Install the wheel and fastcore beside this environment, use both, and run the tests that need no notebook"
    pip = sys.executable, '-m', 'pip', 'install', '-q', '--disable-pip-version-check'
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        (d/'tree').mkdir()
        for o in (name, 'tests'): shutil.copytree(root/o, d/'tree'/o, ignore=shutil.ignore_patterns('__pycache__'))
        for o in ('settings.ini', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in'):
            shutil.copy(root/o, d/'tree')
        run(sys.executable, '-m', 'build', '--wheel', '--outdir', d/'dist', d/'tree', stdout=subprocess.DEVNULL)
        run(*pip, '--no-deps', '--target', d/'lib', next((d/'dist').glob('*.whl')))
        run(*pip, '--target', d/'fastcore', f'fastcore=={fastcore}')
        path = os.pathsep.join([str(d/'fastcore'), str(d/'lib')])
        env = os.environ | {'PYTHONPATH': path, 'PYTHONDONTWRITEBYTECODE': '1', 'MPLBACKEND': 'agg'}
        try:
            run(sys.executable, '-W', 'error', '-c', use, env=env, cwd=d)
            more = dict(fmnist_download=['fashion-mnist', '--folder', 'data'], fmnist_compare=['Dress', 'Coat', '--norm', 'l2'])
            for o in scripts: run(sys.executable, d/'lib'/'bin'/o, *more.get(o, ()), env=env, cwd=d)
            shutil.rmtree(d/'tree'/name) # the tests see what is installed
            tests = 'tests/test_fuzz.py', 'tests/test_faults.py'
            run(sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *tests, env=env, cwd=d/'tree')
        except subprocess.CalledProcessError as e: sys.exit(f'with fastcore {fastcore}: {e}')
