"What `make data` runs on a fresh machine: get Fashion-MNIST from wherever it can be had, and MNIST if it can"
import glob, os, shutil, subprocess, sys, tempfile
from pathlib import Path
from fmnist_nb.download import DownloadError, data_dir, download

package = 'dataset-fashion-mnist'  # of Debian and Ubuntu

def say(msg): print(msg.replace(f'{Path.home()}/', '~/'), flush=True)

def _run(*cmd, **kw): return subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kw)

def from_distribution():
    "Install the distribution's package as root, or unpack it where any user may: the four files end up verified in the cache"
    if os.geteuid() == 0:
        say(f'  apt-get install {package}')
        env = os.environ | {'DEBIAN_FRONTEND': 'noninteractive'}
        for cmd in ('update', '-q'), ('install', '-q', '-y', '--no-install-recommends', package):
            r = _run('apt-get', *cmd, env=env)
            if r.returncode and cmd[0]=='install': raise DownloadError(f'apt-get install {package} failed:\n{r.stderr.strip()}')
        return download()
    with tempfile.TemporaryDirectory() as d:
        say(f'  apt-get download {package}, unpacked into the cache')
        r = _run('apt-get', 'download', package, cwd=d)
        debs = glob.glob(f'{d}/*.deb')
        if r.returncode or not debs: raise DownloadError(f'apt-get download {package} failed:\n{r.stderr.strip()}')
        subprocess.run(['dpkg-deb', '-x', debs[0], f'{d}/x'], check=True)
        return download(sources=[Path(d)/'x/usr/share/datasets/fashion-mnist'])

def fashion():
    try: return download()
    except DownloadError as e:
        if not (shutil.which('apt-get') and shutil.which('dpkg-deb')): raise
        say(f'No source of the library answers:\n{e}\nThis is a Debian or Ubuntu, which has the data as a package:')
        return from_distribution()

def has_mnist():
    "Can MNIST be had? Only the cells flagged `#| mnist` need it"
    try: return bool(download('mnist'))
    except DownloadError: return False

if __name__ == '__main__':
    try: files = fashion()
    except DownloadError as e: sys.exit(f'data: {e}')
    say(f'fashion-mnist: four files, verified, in {files[0].parent}')
    say(f'mnist: four files, verified, in {data_dir("mnist")}' if has_mnist() else
        'mnist: no source has it here; only the cells about digits need it, and they are skipped')
