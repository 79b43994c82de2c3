"""What a user may write, and the types that a checker should find: `nox -s types` checks it, and it runs

`assert_type` is an error for a type checker that finds another type, and does nothing at run time."""
import io, os, random, tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type
import matplotlib.axes, matplotlib.figure
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from fmnist_nb.chunks import chunks, index_to_label, label_names, load_lists
from fmnist_nb.download import DATASETS, DownloadError, Files, data_dir, download
from fmnist_nb.idx import IdxDecodeError, idx_header, parse_idx, read_idx, test_faster, write_idx
from fmnist_nb.matrix import Matrix
from fmnist_nb.rng import MODULI, MULTIPLIERS, PERIOD, WichmannHill, fork_safe, get_state, rand, seed, worker_init_fn
from fmnist_nb.similarity import (NearestMean, PairAccuracy, class_means, confusion_matrix, kmeans, l1_norm, l2_norm,
    most_wrong, nearest_neighbors, pair_accuracy, pairwise_accuracy, plot_pair, prototypes, duplicates, split)
from fmnist_nb.tensors import MNIST, FashionMNIST, Split, Splits, load_data, show_image, show_images

def files_and_bytes() -> None:
    assert_type(DATASETS, dict[str, dict[str, str]])
    assert_type(data_dir('mnist'), Path)
    test_faster(lambda: None, .001, times=2)
    try: files = download(progress=False, folder=None, sources=None)
    except DownloadError as e: raise SystemExit(str(e)) from e
    assert_type(files, Files)
    assert_type(files.train_images, Path)
    shape,pixels = read_idx(files.valid_images)
    assert_type(shape, tuple[int, ...])
    flat: array[Any] = pixels
    with tempfile.TemporaryDirectory() as d:
        path = write_idx(os.path.join(d, 'x.idx'), (2, 3), range(6), typecode='h')
        assert_type(path, Path)
        with open(path, 'rb') as f: assert_type(idx_header(f), tuple[str, tuple[int, ...]])
        with open(path, 'rb') as f: flat = parse_idx(f)
    try: parse_idx(io.BytesIO(b'none'))
    except IdxDecodeError as e: assert_type(str(e), str)

def pieces() -> None:
    assert_type(chunks([1, 2, 3], 2), Iterator[list[int]])
    assert_type(chunks('abc', 2), Iterator[str])
    typed: Iterator[array[int]] = chunks(array('B', b'abc'), 2)
    assert_type(chunks(torch.arange(9), 3), Iterator[Tensor])
    assert_type(chunks({1, 2, 3}, 2), Iterator[list[int]])
    assert_type(chunks((i*.5 for i in range(9)), 2), Iterator[list[float]])
    assert_type(label_names[3] + index_to_label[3], str)
    x_train,y_train,x_valid,y_valid = load_lists()
    assert_type(x_train, list[list[int]])
    assert_type(y_valid, list[int])
    m = Matrix(chunks(x_train[3], 28))
    assert_type(m.shape, tuple[int, int])
    assert_type(m[0,10], float)
    assert_type(m[-1], list[float])
    assert_type(m[4:15,10], list[float])
    assert_type(m[4,:], list[float])
    assert_type(m[4:15,4:22], Matrix)
    assert_type(m[4:15], Matrix)
    assert_type(m.T.map(lambda v: 255-v).max() - m.min() + len(m), float)
    for row in m: assert_type(row, list[float])
    assert m==m.T.T and len({m, m.T})==2

def tensors() -> None:
    (x_train,y_train),valid = s = load_data(verify=False, device='cpu')
    assert_type(s, Splits)
    assert_type(s.train[0], Tensor)
    assert_type(x_train, Tensor)
    assert_type(valid, Split)
    assert_type(valid.y, Tensor)
    ds = FashionMNIST(train=False, transform=lambda im: im.resize((14, 14)))
    im,label = ds[0]
    assert_type(ds[:10], FashionMNIST)
    some: FashionMNIST = ds[torch.arange(3)]
    assert_type(len(ds), int)
    assert_type(ds.classes, list[str])
    assert_type(ds.class_to_idx, dict[str, int])
    assert_type(ds.data, Tensor)
    assert_type(ds.raw_folder + ds.processed_folder, str)
    assert_type(MNIST.resources, list[tuple[str, str]])
    dl = FashionMNIST().loader(batch_size=256, shuffle=True, generator=torch.Generator(), num_workers=0)
    assert_type(dl, DataLoader[Any])
    for xb,yb in dl: break
    assert_type(show_image(ds.data[0], title='one', cmap='viridis'), matplotlib.axes.Axes)
    grid: np.ndarray[Any, Any] = show_images(ds.data[:4], titles=ds.targets[:4], ncols=2)

def similarity() -> None:
    x,y = load_data().valid
    means = class_means(x, y)
    assert_type(means, Tensor)
    assert_type(l1_norm(x[0], means) + l2_norm(x[0], means), Tensor)
    model = NearestMean('l2').fit(x, y).partial_fit(x.numpy(), y.numpy())
    assert_type(model, NearestMean)
    assert_type(model.means_, Tensor)
    assert_type(model.predict(x[:5]), Tensor)
    by_numpy: np.ndarray[Any, Any] = model.predict(x[:5].numpy())
    assert_type(model.score(x, y), float)
    assert_type(confusion_matrix(y, model.predict(x)), Tensor)
    assert_type(most_wrong(model.distances(x), y, n=3), Tensor)
    acc = pair_accuracy('Dress', 2, norm='l2')
    assert_type(acc, PairAccuracy)
    assert_type(acc.combined, float)
    assert_type(pairwise_accuracy('l1'), Tensor)
    d,i = nearest_neighbors(x[:100], x[:5], k=3)
    assert_type(duplicates(x[:9], x), Tensor)
    assert_type(split(y), tuple[Tensor, Tensor])
    assert_type(kmeans(x[:100], x[:2], steps=2), tuple[Tensor, Tensor])
    assert_type(prototypes(x[:1000], y[:1000], 2, steps=2), tuple[Tensor, Tensor])
    assert_type(plot_pair('Dress', 'Coat', n=2), matplotlib.figure.Figure)
    try: NearestMean().predict(x)
    except ValueError as e: assert_type(e.args, tuple[Any, ...])

def random_numbers() -> None:
    seed(42)
    assert_type(rand(), float)
    assert_type(get_state(), tuple[int, int, int] | None)
    assert_type(PERIOD + MODULI[0]*MULTIPLIERS[2], int)
    w = fork_safe(WichmannHill(42))
    assert_type(w, WichmannHill)
    rng: random.Random = w
    name: str = w.choice(label_names)
    w.seed('again', version=2)
    w.setstate(w.getstate())
    assert_type(w.advance(10), WichmannHill)
    assert_type(w.remaining, int)
    assert_type(w.rand(784, 10, dtype=torch.float32), Tensor)
    assert_type(w.randn(3, out=torch.empty(3)), Tensor)
    assert_type(w.spawn(2), list[WichmannHill])
    DataLoader(FashionMNIST(), num_workers=1, worker_init_fn=worker_init_fn)

if __name__ == '__main__':
    for f in (files_and_bytes, pieces, tensors, similarity, random_numbers): f()
