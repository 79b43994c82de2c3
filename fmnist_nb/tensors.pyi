# made from the module by tools/build_stubs.py
# mypy: disable-error-code="assignment, override, overload-overlap"
from pathlib import Path
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typing import Any, NamedTuple, SupportsIndex, overload
import matplotlib.axes
import numpy as np
import torch

__all__ = ['show_image', 'Split', 'Splits', 'load_data', 'FashionMNIST', 'show_images']

def show_image(im: Any, title: str | None=None, ax: matplotlib.axes.Axes | None=None, figsize: tuple[Any, ...]=(2.2, 2.4), **kwargs: Any) -> matplotlib.axes.Axes: ...
class Split(NamedTuple):
    x: Tensor
    y: Tensor
class Splits(NamedTuple):
    train: Split
    valid: Split
def load_data(dataset: str='fashion-mnist', verify: bool=False, device: str | torch.device | None=None, dest: str | Path | None=None) -> Splits: ...
class FashionMNIST(Dataset[Any]):
    data: Tensor
    targets: Tensor
    classes: list[str]
    root: str | Path | None
    train: bool
    dataset: str
    transform: Any
    target_transform: Any
    def __init__(self, root: str | Path | None=None, train: bool=True, transform: Any=None, target_transform: Any=None, download: bool=True, dataset: str='fashion-mnist', verify: bool=False, device: str | torch.device | None=None) -> None: ...
    def __len__(self) -> int: ...
    def __repr__(self) -> str: ...
    @property
    def class_to_idx(self) -> dict[str, int]: ...
    @overload
    def __getitem__(self, i: slice | list[int] | list[bool]) -> FashionMNIST: ...
    @overload
    def __getitem__(self, i: Tensor | np.ndarray[Any, Any]) -> Any: ...
    @overload
    def __getitem__(self, i: SupportsIndex) -> tuple[Any, Any]: ...
    def __getitems__(self, idxs: Any) -> Any: ...
    def __getstate__(self) -> Any: ...
    def loader(self, batch_size: int=64, shuffle: bool=False, drop_last: bool=False, sampler: Any=None, generator: torch.Generator | None=None, transform: Any=None, device: str | torch.device | None=None, **kwargs: Any) -> DataLoader[Any]: ...
def show_images(ims: Any, titles: Any=None, ncols: int | None=None, figsize: tuple[Any, ...] | None=None, suptitle: str | None=None, **kwargs: Any) -> np.ndarray[Any, Any]: ...
