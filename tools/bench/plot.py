"""Plots of raw results as SVG, with nothing but Python. Logarithmic axes, a line a series, its name at its end.

Colours are readable on white and on dark pages; the background is the page's own.
"""

import math

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 118, 34, 44
COLOURS = ["#2f6fbf", "#c2571a", "#2e8b57", "#8a4fbf", "#b8860b", "#c03a5b"]
TEXT, GRID = "#777777", "#8888884d"


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(value):
    """10000 -> 10⁴ where it is a power of ten, else three digits."""
    power = round(math.log10(value))
    if abs(value - 10.0 ** power) < 1e-9 * value and abs(power) > 3:
        return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] if digit != "-" else "⁻" for digit in str(power))
    return f"{value:g}"


class Panel:
    """One plot: series is {name: [(x, y), …]}. A dashed one is the other side of the comparison with the one before
    it, and has its colour."""

    def __init__(self, title, x_label, y_label, series, dashed=()):
        self.title, self.x_label, self.y_label, self.dashed = title, x_label, y_label, dashed
        self.series = {name: sorted(points) for name, points in series.items() if points}
        xs = [x for points in self.series.values() for x, _ in points]
        ys = [y for points in self.series.values() for _, y in points]
        self.x_range = self.decades(xs)
        self.y_range = self.decades(ys)

    @staticmethod
    def decades(values):
        low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
        return low, max(high, low + 1)

    def x(self, value):
        low, high = self.x_range
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        low, high = self.y_range
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def svg(self, left, top):
        out = [f'<g transform="translate({left},{top})">',
               f'<text x="{LEFT}" y="18" class="title">{escaped(self.title)}</text>']
        for power in range(self.x_range[0], self.x_range[1] + 1):
            x = self.x(10.0 ** power)
            out.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>')
            out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{short(10.0 ** power)}</text>')
        for power in range(self.y_range[0], self.y_range[1] + 1):
            y = self.y(10.0 ** power)
            out.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
            out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(10.0 ** power)}</text>')
        out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">'
                   f'{escaped(self.x_label)}</text>')
        out.append(f'<text transform="translate(14,{(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
                   f'text-anchor="middle">{escaped(self.y_label)}</text>')
        out += self.lines()
        return out + ["</g>"]

    def lines(self):
        out, ends, used = [], [], 0
        for name, points in self.series.items():
            used += name not in self.dashed
            colour = COLOURS[(used - 1) % len(COLOURS)]
            places = [(self.x(x), self.y(y)) for x, y in points]
            dash = ' stroke-dasharray="5 4"' if name in self.dashed else ""
            out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2"{dash} points="'
                       + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) + '"/>')
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
            ends.append([places[-1][1], name, colour])
        # Names stand at the ends of their lines, moved apart where they would touch.
        ends.sort()
        for above, below in zip(ends, ends[1:]):
            below[0] = max(below[0], above[0] + 13)
        beyond = max(0, ends[-1][0] - (HEIGHT - BOTTOM)) if ends else 0
        for y, name, colour in ends:
            out.append(f'<text x="{WIDTH - RIGHT + 7}" y="{y - beyond + 4:.1f}" style="fill:{colour}">{escaped(name)}</text>')
        return out


def write(path, panels, description):
    """Two panels a row."""
    rows = (len(panels) + 1) // 2
    columns = min(2, len(panels))
    width, height = columns * WIDTH, rows * HEIGHT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           f'role="img" aria-label="{escaped(description)}">',
           f"<style>text{{font:11px sans-serif;fill:{TEXT}}}.title{{font-weight:bold;font-size:13px}}"
           f".grid{{stroke:{GRID}}}</style>"]
    for number, panel in enumerate(panels):
        out += panel.svg(number % 2 * WIDTH, number // 2 * HEIGHT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(out + ["</svg>", ""]), encoding="utf-8")
