"""Plots of the studies as SVG, by hand: no packages needed."""
from xml.sax.saxutils import escape

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 20, 34, 84


def text(x, y, content, anchor="middle", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(str(content))}</text>'


def frame(title, x_label, y_label, body, names):
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>', text(WIDTH / 2, 20, title, size=14), *body,
             f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" fill="none" '
             'stroke="#888888"/>', text(WIDTH / 2, HEIGHT - BOTTOM + 34, x_label),
             f'<g transform="translate(18 {HEIGHT / 2 - 20}) rotate(-90)">{text(0, 0, y_label)}</g>']
    for i, name in enumerate(names):
        x, y = LEFT + (i % 4) * 140, HEIGHT - 32 + (i // 4) * 16
        parts += [f'<rect x="{x}" y="{y - 8}" width="18" height="8" fill="{COLOURS[i % len(COLOURS)]}"/>',
                  text(x + 24, y, name, "start", 11)]
    return "\n".join(parts + ["</svg>\n"])


def y_of(value, highest):
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest


def y_ticks(highest):
    parts = []
    for i in range(6):
        value = highest * i / 5
        parts += [f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(value, highest):.1f}" y2="{y_of(value, highest):.1f}" '
                  'stroke="#e4e4e4"/>', text(LEFT - 6, y_of(value, highest) + 4, f"{value:.3g}", "end", 11)]
    return parts


def x_of(place, count):
    return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / count


def lines(title, x_label, y_label, x, curves):
    """`curves`: {name: values}, one value (or None) for each of `x`, whose places are evenly spaced."""
    highest = max([value for values in curves.values() for value in values if value is not None] + [1e-12]) * 1.05
    body = y_ticks(highest) + [text(x_of(i, len(x)), HEIGHT - BOTTOM + 16, value, size=11) for i, value in enumerate(x)]
    for i, values in enumerate(curves.values()):
        colour = COLOURS[i % len(COLOURS)]
        points = [(x_of(place, len(x)), y_of(value, highest)) for place, value in enumerate(values) if value is not None]
        body.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                    + " ".join(f"{a:.1f},{b:.1f}" for a, b in points) + '"/>')
        body += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
    return frame(title, x_label, y_label, body, curves)


def bars(title, x_label, y_label, x, parts):
    """Stacked bars; `parts`: {name: values}."""
    highest = max([sum(values[i] for values in parts.values()) for i in range(len(x))] + [1e-12]) * 1.05
    width = 0.6 * (WIDTH - LEFT - RIGHT) / len(x)
    body = y_ticks(highest)
    for place, value in enumerate(x):
        body.append(text(x_of(place, len(x)), HEIGHT - BOTTOM + 16, value, size=11))
        bottom = 0.0
        for i, values in enumerate(parts.values()):
            top = bottom + values[place]
            body.append(f'<rect x="{x_of(place, len(x)) - width / 2:.1f}" y="{y_of(top, highest):.1f}" width="{width:.1f}" '
                        f'height="{y_of(bottom, highest) - y_of(top, highest):.1f}" fill="{COLOURS[i % len(COLOURS)]}"/>')
            bottom = top
    return frame(title, x_label, y_label, body, parts)
