"""The learning rate of each optimiser step."""

from __future__ import annotations

WARM_UP_STEPS = 4000
PEAK_RATE = 5e-4


def inverse_square_root_rate(step: int, warm_up_steps: int = WARM_UP_STEPS, peak: float = PEAK_RATE) -> float:
    """Rises linearly from 0 at step 0 to `peak` at step warm_up_steps, then falls as peak sqrt(warm_up_steps / step).

    Source: Vaswani et al., Attention Is All You Need, NeurIPS 2017, section 5.3, scaled to its peak.
    """
    if step < warm_up_steps:
        return peak * step / warm_up_steps
    return float(peak * (warm_up_steps / step) ** 0.5)
