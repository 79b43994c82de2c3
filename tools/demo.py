"What the commands of `make demo` do not say: shapes and ranges of the four files, read by our own parser, and a picture of each class"
from pathlib import Path
import matplotlib
matplotlib.use('Agg')
from matplotlib import pyplot as plt
from fmnist_nb.chunks import label_names, load_lists
from fmnist_nb.download import download
from fmnist_nb.idx import read_idx

for f in download():
    shape,a = read_idx(f)
    print(f'{f.name:<28}{str(shape):<18}from {min(a)} to {max(a)}')
x,y,*_ = load_lists()
print('the first labels:', ', '.join(label_names[o] for o in y[:5]))
with plt.style.context('fmnist_nb.paper'):
    fig,axs = plt.subplots(2, 5, figsize=(7, 3.4))
    for i,ax in enumerate(axs.flat):
        im = x[y.index(i)]
        ax.imshow([im[r:r+28] for r in range(0, 784, 28)], cmap='gray_r')
        ax.set(title=label_names[i], xticks=[], yticks=[])
    fig.suptitle('Fashion-MNIST: the first picture of each class')
    Path('demo').mkdir(exist_ok=True)
    fig.savefig('demo/classes.png')
print('demo/classes.png')
