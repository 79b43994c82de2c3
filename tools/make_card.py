"Draw the site's own pictures from the data: `favicon.svg`, a boot in few pixels, and `card.png`, what a shared link shows"
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from nbdev.config import get_config

from fmnist_nb.download import download
from fmnist_nb.idx import read_idx

cfg = get_config()
paper,ink,accent = '#fcfbf8','#1f2328','#b04408'

def favicon(im):
    "The picture `im`, 14 by 14 pixels in five shades, as SVG"
    shades = np.rint(im.reshape(14,2,14,2).mean((1,3))/255*5).astype(int)
    rects = ''.join(f'<path fill-opacity="{s/5:g}" d="{"".join(f"M{x} {y}h1v1h-1z" for y,x in np.argwhere(shades==s))}"/>' for s in range(1, 6))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 18 18"><rect x="-2" y="-2" width="18" height="18" rx="3" fill="{accent}"/>'
            f'<g fill="#fff">{rects}</g></svg>\n')

def card(ims, path, cols=20, rows=5):
    "Rows of the pictures `ims` under the title, 1200 by 630 dots"
    fig = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=paper)
    fig.text(.05, .755, cfg.title, size=54, weight='bold', family='monospace', color=ink)
    for i,line in enumerate(textwrap.wrap(cfg.description, 36)): fig.text(.052, .665-.075*i, line, size=25, family='serif', color=ink)
    for i in range(5): fig.patches.append(plt.Rectangle((.052+.022*i, .895), .018, .034, transform=fig.transFigure, color=accent, alpha=1-.2*i))
    grid = np.zeros((rows*30, cols*30), np.uint8)
    for i,im in enumerate(ims[:rows*cols]): grid[i//cols*30+1:][:28, i%cols*30+1:][:, :28] = im
    fig.figimage(np.kron(grid, np.ones((2,2), np.uint8)), 0, 0, cmap='gray_r', origin='upper')
    fig.savefig(path, dpi=100, facecolor=paper, pil_kwargs=dict(optimize=True))

shape,pixels = read_idx(download().train_images)
x = np.frombuffer(pixels, np.uint8).reshape(shape)
(cfg.nbs_path/'favicon.svg').write_text(favicon(x[0]))
card(x, cfg.nbs_path/'card.png')
