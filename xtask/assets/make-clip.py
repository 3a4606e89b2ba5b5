#!/usr/bin/env python3
"""Makes the sample clip and its poster: public/sample.mp4, public/poster.webp.

A night at the sea: aurora over a bay, stars, a few drifting lights and their reflections. Everything moves in whole
turns of the clip's length, so the last frame is followed by the first without a seam; it is dark and low in detail,
so white outlined text reads well over it and a small file holds it.

Needs Python 3 with numpy and Pillow, and ffmpeg with libx264:

    python3 xtask/assets/make-clip.py [--out public] [--preview FRAME.png:SECOND ...]
"""

import argparse
import pathlib
import subprocess

import numpy as np
from PIL import Image

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 24, 24
HORIZON = 0.66
TURN = 2 * np.pi

random = np.random.default_rng(20)
# Half resolution is enough for light that has no edges.
W, H = WIDTH // 2, HEIGHT // 2
X = (np.arange(W) + 0.5)[None, :] / H
Y = (np.arange(H) + 0.5)[:, None] / H


def smooth(value, low, high):
    """0 below `low`, 1 above `high`, soft in between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def colour(code):
    """Linear light of an sRGB colour such as 0x0b1d3a."""
    rgb = np.array([code >> 16 & 255, code >> 8 & 255, code & 255]) / 255
    return rgb**2.2


def wave(x, phase, parts):
    """A sum of sines; every part makes a whole number of turns in a clip."""
    return sum(a * np.sin(TURN * (f * x + turns * phase + shift)) for a, f, turns, shift in parts)


def sky():
    """The still part: from deep blue down to a faint dawn at the horizon."""
    t = np.clip(Y / HORIZON, 0, 1)[..., None]
    top, middle, low = colour(0x050A1C), colour(0x0C2340), colour(0x22455C)
    grade = top * (1 - t) ** 1.4 + middle * (4 * t * (1 - t)) * 0.7 + low * t**3.2
    glow = np.exp(-(((X - 1.22) / 0.75) ** 2) - ((Y - HORIZON) / 0.16) ** 2)[..., None]
    return grade + glow * colour(0xD9967A) * 0.075


CURTAINS = [
    # base height, reach upwards, strength, colours from foot to top, movement, rays
    (0.47, 0.34, 0.62, (0x2EE6A6, 0x4C6BE8), [(0.055, 0.50, 1, 0.1), (0.026, 1.10, -1, 0.4), (0.011, 2.3, 2, 0.8)], 5),
    (0.39, 0.40, 0.42, (0x39D8D0, 0x9A4FE0), [(0.062, 0.42, -1, 0.6), (0.022, 1.35, 1, 0.2), (0.009, 2.9, -2, 0.5)], 7),
    (0.52, 0.20, 0.28, (0x7BEFA0, 0x2F86C8), [(0.040, 0.61, 1, 0.9), (0.016, 1.70, -2, 0.0)], 6),
]


def aurora(phase):
    light = np.zeros((H, W, 3))
    for base, reach, strength, (foot, crown), path, rays in CURTAINS:
        edge = base + wave(X, phase, path)
        height = (edge - Y) / reach
        shape = smooth(height, -0.055, 0.05) * np.exp(-np.clip(height, 0, None) * 2.6)
        folds = 0.62 + 0.38 * wave(X + 0.05 * height, phase, [(0.6, rays * 0.33, 1, 0.3), (0.4, rays * 0.71, -1, 0.7)])
        breath = 0.72 + 0.28 * wave(X, phase, [(1, 0.24, 1, base)])
        mix = np.clip(height * 1.25, 0, 1)[..., None]
        light += (shape * folds * breath * strength)[..., None] * (colour(foot) * (1 - mix) + colour(crown) * mix)
    return light


RIDGES = [(0.085, 0x0B1B2C, 2.0, 0.37), (0.045, 0x071220, 3.1, 0.11)]


def ridge_height(x, size, scale, shift):
    rough = sum(np.sin(TURN * (x * scale * 2**k * 0.31 + shift * (k + 1))) / 1.9**k for k in range(6))
    return size * np.clip(0.45 + 0.42 * rough, 0.02, None)


def stars():
    """Position in full pixels, brightness, twinkle turns and shift."""
    count = 230
    y = HORIZON * random.random(count) ** 1.25 * 0.93
    brightness = 0.05 + 0.75 * random.random(count) ** 5
    return np.stack([random.random(count) * WIDTH, y * HEIGHT, brightness, random.integers(2, 7, count), random.random(count)], 1)


STARS = stars()
# x, depth 0 (horizon) to 1 (near), colour, turns, shift: boats with a lantern
LANTERNS = [
    (0.30, 0.10, 0xFFC37A, 1, 0.00), (0.43, 0.03, 0xFFD9A0, -1, 0.35), (0.93, 0.16, 0xFFB066, 1, 0.62),
    (1.10, 0.04, 0xFFE0B0, -1, 0.15), (1.45, 0.09, 0xFFC080, 1, 0.80), (1.58, 0.02, 0xFFD090, -1, 0.50),
]


def blob(image, x, y, rx, ry, light):
    """Adds a soft light, full pixels."""
    x0, x1 = int(max(x - 4 * rx, 0)), int(min(x + 4 * rx + 2, image.shape[1]))
    y0, y1 = int(max(y - 4 * ry, 0)), int(min(y + 4 * ry + 2, image.shape[0]))
    if x0 < x1 and y0 < y1:
        px, py = np.arange(x0, x1)[None, :] + 0.5, np.arange(y0, y1)[:, None] + 0.5
        image[y0:y1, x0:x1] += np.exp(-(((px - x) / rx) ** 2) - ((py - y) / ry) ** 2)[..., None] * light


def enlarge(image):
    channels = [Image.fromarray(image[..., c].astype(np.float32)).resize((WIDTH, HEIGHT), Image.BICUBIC) for c in range(3)]
    return np.stack([np.asarray(c, dtype=np.float64) for c in channels], 2)


SKY = sky()


def water(above, phase):
    """The sky upside down, darker with nearness, stirred by small waves."""
    rows = np.arange(H)
    depth = np.clip((rows / H - HORIZON) / (1 - HORIZON), 0, 1)
    # Perspective: waves are finer near the horizon.
    p = 1 / (depth + 0.07)
    swell = wave(X, phase, [(0.5, 0.8, 1, 0.1), (0.3, 1.9, -2, 0.6)])
    crests = [(0.8, 1, 3, 0), (0.45, 2.3, -4, 0.3), (0.3, 3.9, 6, 0.7)]
    ripple = swell + wave(p[:, None] * 0.42 + 0.13 * X, phase, crests)
    source = HORIZON - (depth * 0.62)[:, None] * HORIZON + ripple * (0.004 + 0.022 * depth[:, None])
    y = np.clip(source * H, 0, int(HORIZON * H) - 1)
    y0 = np.floor(y).astype(int)
    part = (y - y0)[..., None]
    columns = np.broadcast_to(np.arange(W)[None, :], y0.shape)
    mirrored = above[y0, columns] * (1 - part) + above[np.minimum(y0 + 1, H - 1), columns] * part
    shine = 0.86 + 0.14 * np.clip(ripple, -1.2, 1.2)
    return mirrored * (shine * (0.80 - 0.52 * depth[:, None]))[..., None] + colour(0x04101E) * depth[:, None, None]


def frame(phase):
    above = SKY + aurora(phase)
    for size, code, scale, shift in RIDGES:
        line = HORIZON - ridge_height(X, size, scale, shift)
        mask = smooth(Y, line - 0.003, line + 0.003)[..., None]
        haze = np.clip((Y - line) / 0.1, 0, 1)[..., None] * 0.5
        above = above * (1 - mask) + mask * (colour(code) * 0.8 + haze * colour(0x23405A) * 0.6)
    sea = smooth(Y, HORIZON - 0.0015, HORIZON + 0.0015)[..., None]
    image = enlarge(above * (1 - sea) + water(above, phase) * sea)

    clear = 1 - np.clip(aurora(phase).sum(2) * 1.2, 0, 0.85)
    for x, y, brightness, turns, shift in STARS:
        ground = max(ridge_height(np.array([x / HEIGHT]), size, scale, s)[0] for size, _, scale, s in RIDGES)
        if y / HEIGHT < HORIZON - ground - 0.02:
            twinkle = 0.75 + 0.25 * np.sin(TURN * (turns * phase + shift))
            light = brightness * twinkle * clear[min(int(y / 2), H - 1), min(int(x / 2), W - 1)]
            blob(image, x, y, 0.7 + brightness * 0.8, 0.7 + brightness * 0.8, light * colour(0xDCE8FF))
    for x, depth, code, turns, shift in LANTERNS:
        sway = np.sin(TURN * (turns * phase + shift))
        near = 0.35 + 2.2 * depth
        px = (x + 0.02 * sway * (0.5 + depth)) * HEIGHT
        py = (HORIZON + 0.012 + depth * (1 - HORIZON)) * HEIGHT + 1.2 * near * np.sin(TURN * (2 * phase + shift))
        blob(image, px, py, 1.5 * near + 0.8, 1.5 * near + 0.8, 1.1 * colour(code))
        blob(image, px, py, 9 * near + 4, 8 * near + 4, 0.10 * colour(code))
        for k in range(1, 15):
            y = py + 4 + k * (2.2 + 4.2 * near)
            x_k = px + np.sin(TURN * (3 * phase + shift + k * 0.37)) * (0.8 + 0.5 * k * near)
            glint = 0.55 + 0.45 * np.sin(TURN * (4 * phase + k * 0.61 + shift))
            blob(image, x_k, y, 3 + 5.5 * near, 1.0 + 0.8 * near, 0.34 * glint * (1 - k / 15) ** 1.3 * colour(code))

    u, v = (np.arange(WIDTH) + 0.5) / WIDTH - 0.5, (np.arange(HEIGHT) + 0.5) / HEIGHT - 0.5
    image *= (1 - 0.55 * (u[None, :] ** 2 + v[:, None] ** 2))[..., None]
    image = image / (1 + 0.35 * image)
    # A little noise, the same in each frame, keeps the gradients from showing steps.
    return np.clip(np.clip(image, 0, 1) ** (1 / 2.2) * 255 + GRAIN, 0, 255).astype(np.uint8)


GRAIN = random.triangular(-1.0, 0, 1.0, (HEIGHT, WIDTH, 1)) + 0.5


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "public")
    arguments.add_argument("--preview", nargs="*", default=[], help="FILE:SECOND, stills instead of the clip")
    options = arguments.parse_args()
    for preview in options.preview:
        name, second = preview.rsplit(":", 1)
        Image.fromarray(frame(float(second) / SECONDS)).save(name)
    if options.preview:
        return
    Image.fromarray(frame(0)).save(options.out / "poster.webp", quality=72, method=6)
    encoder = subprocess.Popen(
        ["ffmpeg", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}",
         "-r", str(FPS), "-i", "-", "-an", "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
         "-c:v", "libx264", "-profile:v", "high", "-preset", "slower", "-tune", "film", "-crf", "27", "-g", "144",
         "-maxrate", "380k", "-bufsize", "1000k", "-threads", "2", "-colorspace", "bt709", "-color_primaries", "bt709",
         "-color_trc", "bt709", "-movflags", "+faststart", str(options.out / "sample.mp4")],
        stdin=subprocess.PIPE,
    )
    for number in range(FPS * SECONDS):
        encoder.stdin.write(frame(number / (FPS * SECONDS)).tobytes())
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit("ffmpeg failed; see its message above")


if __name__ == "__main__":
    main()
