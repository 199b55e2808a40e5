"""
A melody out of noise
=====================

A FIR filter keeps the band of a melody and drops the noise around it.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import firwin

import fastconv
from fastconv import signal

rate = 8_000
time = np.arange(2 * rate) / rate
rng = np.random.default_rng(0)
tones = np.repeat([440, 494, 523, 587, 523, 494, 440, 440], rate // 4)
melody = np.sin(2 * np.pi * np.cumsum(tones) / rate)
recording = (melody + rng.standard_normal(len(time))).astype(np.float32)

# %%
# 401 taps that let 380 to 680 Hz pass. ``padding="same"`` centres the filter, so that nothing is late.

taps = firwin(401, (380, 680), pass_zero=False, fs=rate).astype(np.float32)
clean = fastconv.conv1d(recording[None], taps[None, None], padding="same")[0]

# %%
# The same as it arrives, in blocks of 256 samples: later by the 200 samples in front of the middle tap.

stream = fastconv.Stream(taps, channels=1, block=256, flip=True)
blocks = [stream(recording[i : i + 256]) for i in range(0, len(recording), 256)]
arrived = np.concatenate(blocks)
print("largest difference:", float(abs(arrived[200:] - clean[:-200]).max().round(4)))

# %%
# Half the rate holds all that is left.

half = signal.decimate(clean, 2, ftype="fir")
print(len(clean), "samples, then", len(half))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
part = slice(2_000, 2_200)
left.plot(time[part], recording[part], color="#bbbbbb", label="recording")
left.plot(time[part], clean[part], color="tab:blue", label="filtered")
left.plot(time[part], melody[part], "--", color="tab:orange", label="melody")
left.set(xlabel="seconds")
left.legend(frameon=False)
for name, samples, color in (("recording", recording, "#bbbbbb"), ("filtered", clean, "tab:blue")):
    power = 20 * np.log10(abs(np.fft.rfft(samples * np.hanning(len(samples)))) + 1e-3)
    right.plot(np.fft.rfftfreq(len(samples), 1 / rate), power, color=color, lw=0.8, label=name)
right.set(xlabel="Hz", ylabel="dB", xlim=(0, 2_000), ylim=(-20, 80))
right.legend(frameon=False)
plt.show()
