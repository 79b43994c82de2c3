# What type checkers and editors read: they see no @patch. Kept by hand; `nox -s types` holds it against the module
# mypy: disable-error-code="assignment, override, overload-overlap"
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ['DATASETS', 'Files', 'data_dir', 'DownloadError', 'download', 'fmnist_download']

DATASETS: dict[str, dict[str, str]]
class Files(NamedTuple):
    train_images: Path
    train_labels: Path
    valid_images: Path
    valid_labels: Path
def data_dir(dataset: str='fashion-mnist') -> Path: ...
class DownloadError(OSError):
    ...
def download(dataset: str='fashion-mnist', folder: str | Path | None=None, sources: list[Any] | None=None, progress: bool=True) -> Files: ...
def fmnist_download(dataset: str='fashion-mnist', folder: str | None=None) -> None: ...
