"""How figures look, and how they reach the disk without a trace of when that was.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; every series also has its own marker.
What a point is can be seen without the legend: measured is filled on a solid line, published is hollow and grey on a
dashed line, projected is a dotted line in a hatched band.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#332288")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "h")
LINES: Final[tuple[Any, ...]] = ("-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
GREYS: Final = ("#3B3B3B", "#6A6A6A", "#949494", "#B5B5B5")
PROJECTED: Final = "#7A3E9D"
INK: Final = "#222222"
MUTED: Final = "#5A5A5A"

WIDTH_IN: Final = 8.8
"""Width of a figure: at the 880 pixels of a README the smallest text is 11 pixels high."""
PLOT_IN: Final = (5.35, 3.55)
"""Width and height of the axes."""
_LEFT_IN, _HEAD_IN, _FOOT_IN, _MARGIN_IN = 0.72, 1.0, 0.56, 0.1
_CAPTION_LINE_IN: Final = 0.155
_CAPTION_COLUMNS: Final = 150
DPI: Final = 200

_SETTINGS: Final[Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#8A8A8A",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#E2E2E2",
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.bottom": True,
    "ytick.left": True,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "text.color": INK,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "qhpc",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the house's look to figures made and saved inside the block."""
    with mpl.rc_context(), sns.axes_style("whitegrid"), mpl.rc_context(_SETTINGS):
        yield


def new_figure(
    caption: str, plot_in: tuple[float, float] = PLOT_IN, *, left_in: float = _LEFT_IN
) -> tuple[Figure, Axes]:
    """Return a figure and its axes, with room for a headline above, a legend at the right and the caption below.

    Parameters
    ----------
    caption
        Text below the figure; wrapped here.
    plot_in
        Width and height of the axes in inches.
    left_in
        Room at the left of the axes, in inches.
    """
    lines = textwrap.wrap(caption, _CAPTION_COLUMNS)
    foot = _FOOT_IN + _MARGIN_IN + _CAPTION_LINE_IN * len(lines)
    width, height = WIDTH_IN, _HEAD_IN + plot_in[1] + foot
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left_in / width, foot / height, plot_in[0] / width, plot_in[1] / height))
    place = _MARGIN_IN / width, _MARGIN_IN / height
    figure.text(*place, "\n".join(lines), fontsize=7.6, color=MUTED, va="bottom", linespacing=1.3)
    return figure, axes


def headline(figure: Figure, title: str, subtitle: str) -> None:
    """Write the title and the line below it, flush left at the top."""
    width, height = figure.get_size_inches()
    left = _MARGIN_IN / width
    figure.text(left, 1 - 0.09 / height, title, va="top", fontsize=13, fontweight="bold")
    figure.text(left, 1 - 0.36 / height, subtitle, va="top", fontsize=9.5, color=MUTED)


def axis_title(axes: Axes, text: str, *, side: str = "left", color: str = INK) -> None:
    """Write the name of a vertical axis above it, level with the eye."""
    x, align, shift = (0.0, "left", -44.6) if side == "left" else (1.0, "right", 44.6)
    axes.annotate(
        text,
        (x, 1.0),
        (shift, 9),
        xycoords="axes fraction",
        textcoords="offset points",
        ha=align,
        va="bottom",
        fontsize=9.5,
        color=color,
        annotation_clip=False,
    )


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write PNG, SVG and PDF beside each other; equal figures give equal bytes.

    Returns
    -------
    list of Path
        The files, PNG first.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    files = []
    for kind, values in metadata.items():
        file = stem.with_suffix(f".{kind}")
        figure.savefig(file, format=kind, dpi=DPI, metadata=values)
        files.append(file)
    return files
