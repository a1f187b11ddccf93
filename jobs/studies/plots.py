"""Pictures of studies as SVG, by matplotlib (Debian: python3-matplotlib). Without it studies have no pictures
and say so."""
try:
    import matplotlib

    matplotlib.use("svg")
    from cycler import cycler
    from matplotlib import pyplot

    colours = matplotlib.rcParams["axes.prop_cycle"]
    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": cycler(linestyle=["-", "--", ":"]) * colours,
            "svg.fonttype": "none",
            "svg.hashsalt": "snn_dist",
            "path.simplify_threshold": 1.0,
            "font.size": 9,
            "axes.grid": True,
            "grid.color": "#e4e4e4",
            "axes.axisbelow": True,
            "legend.frameon": False,
        }
    )
except ImportError:
    pyplot = None

SIZE = (7.0, 4.0)
MARKED = 20  # points of a curve that are marked; more would be a band


def save(figure, path):
    figure.tight_layout()
    # Without a date the same results give the same file.
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def new(title, x_label, y_label):
    """(figure, axes)"""
    figure, axes = pyplot.subplots(figsize=SIZE)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def lines(path, title, x_label, y_label, curves, logarithmic="", even=False, levels=None, turned=False):
    """`curves`: {name: (x, y)}; `logarithmic`: "x", "y" or "xy"; `even`: the values of x at even distances; `levels`:
    {name: y} of horizontal lines; `turned`: words along the x axis upright."""
    if pyplot is None:
        return
    figure, axes = new(title, x_label, y_label)
    places = list(dict.fromkeys(at for x, _ in curves.values() for at in x))
    for name, (x, y) in curves.items():
        marker = "o" if len(x) <= MARKED else None
        axes.plot(
            [places.index(at) for at in x] if even else x, y, marker=marker, markersize=3, linewidth=1.2, label=name
        )
    for i, (name, level) in enumerate((levels or {}).items()):
        axes.axhline(level, color=f"C{i}", linestyle=":", linewidth=1, label=name)
    if even:
        axes.set_xticks(range(len(places)), [str(at) for at in places], rotation=90 if turned else 0, fontsize=7)
        axes.tick_params(axis="x", length=0)
        axes.grid(False, axis="x")
    if "x" in logarithmic:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
    if "y" in logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.legend(fontsize=7)
    save(figure, path)


def bars_beside(path, title, groups):
    """`groups`: {name of a colour: {place: value}}."""
    if pyplot is None:
        return
    figure, axes = new(title, "", "")
    places = list(dict.fromkeys(place for values in groups.values() for place in values))
    width = 0.8 / len(groups)
    for i, (name, values) in enumerate(groups.items()):
        at = [places.index(place) + (i - (len(groups) - 1) / 2) * width for place in values]
        axes.bar(at, list(values.values()), width, label=name)
    axes.set_xticks(range(len(places)), places, fontsize=7)
    axes.legend(fontsize=7, loc="lower right")
    save(figure, path)


def bars(path, title, x_label, y_label, x, parts):
    """Stacked bars; `parts`: {name: values}."""
    if pyplot is None:
        return
    figure, axes = new(title, x_label, y_label)
    bottom = [0.0] * len(x)
    for name, values in parts.items():
        axes.bar(range(len(x)), values, 0.6, bottom=bottom, label=name)
        bottom = [low + value for low, value in zip(bottom, values)]
    axes.set_xticks(range(len(x)), [str(at) for at in x])
    axes.legend(fontsize=7)
    save(figure, path)


def ranges(path, title, x_label, names, values, centre):
    """One horizontal bar for each name, from `centre` to its value."""
    if pyplot is None:
        return
    figure, axes = pyplot.subplots(figsize=(7.0, 0.8 + 0.16 * len(names)))
    axes.set_title(title, fontsize=11)
    axes.barh(
        range(len(names)),
        [value - centre for value in values],
        0.7,
        left=centre,
        color=["C0" if value >= centre else "C3" for value in values],
    )
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.invert_yaxis()
    axes.set_xlabel(x_label)
    save(figure, path)
