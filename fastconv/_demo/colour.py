"""From numbers to colours: arrays of values to uint8 arrays (height, width, 3)."""

import numpy as np

INK = (232, 234, 240)
FAINT = (150, 156, 170)
PAPER = (17, 18, 24)

# Evenly spaced sRGB stops, from the smallest value to the largest. The middle of the second one is
# the paper.
EMBER = ((8, 8, 16), (48, 18, 84), (126, 32, 108), (206, 62, 82), (248, 132, 60), (255, 236, 170))
TIDE = (
    (176, 236, 255), (48, 150, 222), (22, 58, 112),
    PAPER,
    (118, 48, 20), (232, 128, 40), (255, 232, 168),
)  # fmt: skip

# OKLab to linear sRGB (Bjorn Ottosson, 2020): the axes of a space in which equal steps look equal.
_CONE_FROM_LAB = np.array(
    [
        [1, 0.3963377774, 0.2158037573],
        [1, -0.1055613458, -0.0638541728],
        [1, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_CONE = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
# Vivid; the few hues that do not fit sRGB at this chroma are clipped.
_CHROMA = 0.17
_LIGHTNESS = 0.74


def ramp(values, stops):
    """Colours of `values` (between 0 and 1) on the straight lines between `stops`."""
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(values, places, channel) for channel in zip(*stops)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def sequential(values):
    """Values from 0 up, dark to bright; the brightest 0.5 % look alike."""
    return ramp(_gamma(values / _top(values)), EMBER)


def diverging(values):
    """Signed values, blue below 0 and orange above; 0 is the colour of the paper."""
    scaled = values / _top(np.abs(values))
    return ramp(0.5 + 0.5 * np.sign(scaled) * _gamma(np.abs(scaled)), TIDE)


def tinted(values, angle):
    """Values from 0 up, from the paper through the hue of `angle` to white."""
    return ramp(_gamma(values / _top(values)), (PAPER, *hue(np.array([angle])), (255, 255, 255)))


def directed(angles, strengths):
    """Directions as hue, their strength from 0 up as brightness."""
    strength = _gamma(strengths / _top(strengths), 0.45)
    return np.maximum(hue(angles, strength), np.uint8(PAPER))


def hue(angles, strength=1.0):
    """Colours of directions in radians, equally bright, darkening as `strength` falls to 0."""
    lightness = _LIGHTNESS * strength * np.ones_like(angles)
    chroma = _CHROMA * strength
    lab = np.stack([lightness, chroma * np.cos(angles), chroma * np.sin(angles)], axis=-1)
    linear = ((lab @ _CONE_FROM_LAB.T) ** 3) @ _RGB_FROM_CONE.T
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * encoded).round().astype(np.uint8)


def _gamma(values, power=0.65):
    # Gradients of a photograph are mostly small; a power below 1 shows them.
    return np.clip(values, 0, 1) ** power


def _top(values):
    return max(float(np.percentile(values, 99.5)), np.finfo(np.float32).tiny)
