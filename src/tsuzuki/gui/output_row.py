"""Where outputs go: beside each video, or into a folder."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QGroupBox, QHBoxLayout, QVBoxLayout, QWidget

from tsuzuki.gui.widgets import PathLabel, button
from tsuzuki.language import tr


class OutputRow(QGroupBox):
    """Shows and changes the folder of the outputs."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Output"), parent)
        self._folder: str | None = None
        column = QVBoxLayout(self)
        self._shown = PathLabel()
        column.addWidget(self._shown)
        row = QHBoxLayout()
        row.addWidget(button(tr("Choose a folder…"), self._browse, name="output-folder"))
        self._beside = button(
            tr("Beside the video"), lambda: self._take(None), name="output-beside"
        )
        row.addWidget(self._beside)
        row.addStretch(1)
        column.addLayout(row)
        self.set_folder(None)

    @property
    def folder(self) -> str | None:
        """The folder; None is beside each video."""
        return self._folder

    def set_folder(self, folder: str | None) -> None:
        """Show another folder."""
        self._folder = folder
        self._shown.set_path(folder or tr("Beside the video, as NAME_2x"))
        self._beside.setEnabled(folder is not None)

    def _take(self, folder: str | None) -> None:
        self.set_folder(folder)
        self.changed.emit()

    def _browse(self) -> None:
        dialog = QFileDialog(self, tr("Choose a folder for the outputs"), self._folder or "")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(self._take)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
