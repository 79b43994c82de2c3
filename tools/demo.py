"What `make demo` shows: the data, verified and read, then each chapter's command; pictures in demo/"
import hashlib, subprocess, sys
from configparser import ConfigParser
from pathlib import Path
from fmnist_nb.chunks import label_names, load_lists
from fmnist_nb.download import DATASETS, download
from fmnist_nb.idx import read_idx

root = Path(__file__).resolve().parent.parent
out = root/'demo'

def say(msg=''): print(msg, flush=True)

def summary():
    "A line for each file: read it with the library's own parser, and verify it in one go"
    say('\n== the four files, decoded')
    say(f'{"file":<28}{"shape":<18}{"type":<7}{"min":>4}{"max":>5}   SHA-256')
    for f,sha in zip(download(), DATASETS['fashion-mnist'].values()):
        shape,a = read_idx(f)
        header = bytes([0, 0, 8, len(shape)]) + b''.join(n.to_bytes(4, 'big') for n in shape)
        ok = hashlib.sha256(header + a.tobytes()).hexdigest() == sha
        say(f'{f.name:<28}{str(shape):<18}{"uint8":<7}{min(a):>4}{max(a):>5}   {"ok" if ok else "WRONG"}')
        if not ok: sys.exit(f'demo: {f} was read wrongly')

def picture():
    "The first picture of each class"
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    x,y,*_ = load_lists()
    say('\nthe first ten labels\n' + '\n'.join(', '.join(label_names[o] for o in y[i:i+5]) for i in (0, 5)))
    with plt.style.context('fmnist_nb.paper'):
        fig,axs = plt.subplots(2, 5, figsize=(7, 3.4))
        for i,ax in enumerate(axs.flat):
            im = x[y.index(i)]
            ax.imshow([im[r:r+28] for r in range(0, 784, 28)], cmap='gray_r')
            ax.set(title=label_names[i], xticks=[], yticks=[])
        fig.suptitle('Fashion-MNIST: the first picture of each class')
        fig.savefig(out/'classes.png')

if __name__ == '__main__':
    out.mkdir(exist_ok=True)
    summary()
    picture()
    ini = ConfigParser()
    ini.read(root/'settings.ini')
    have = {o.split('=')[0] for o in ini['DEFAULT']['console_scripts'].split()}
    for name,*args in (('fmnist_compare', 'Dress', 'Pullover'), ('fmnist_rng',)):
        if name not in have: continue
        say(f'\n== {" ".join([name, *args])}')
        subprocess.run([str(Path(sys.executable).parent/name), *args, '--out', out.name], cwd=root, check=True)
    say('\n== pictures: ' + ', '.join(f'demo/{p.name}' for p in sorted(out.glob('*.png'))))
