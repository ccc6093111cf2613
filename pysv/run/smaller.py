"""A device with fewer spins, for the remedy of a run that does not fit in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pysv.experiment.device import ChainDevice, Device, SpinValve
from pysv.experiment.layer import Layer


def with_fewer_spins(device: ChainDevice) -> ChainDevice | None:
    """The device whose largest layers have lost their last spin; None where every layer has a single spin.

    The largest layers are those with the most configurations among the layers of several spins.
    """
    sizes = [layer.levels**layer.count if layer.count > 1 else 0 for layer in device.layers]
    most = max(sizes)
    if most == 0:
        return None
    layers = [_shorter(own) if size == most else own for own, size in zip(device.layers, sizes, strict=True)]
    changes: dict[str, Any] = {layer.name: layer.sites for layer in layers}
    if isinstance(device, SpinValve):
        return replace(device, **changes)
    assert isinstance(device, Device)
    return replace(device, layers=tuple(layers))


def _shorter(layer: Layer) -> Layer:
    """The layer without its last spin; its lists of couplings lose the numbers of that spin and of its bond."""
    sites = layer.spin_sites[:-1]
    if len(sites) == 2 and sites[1] > sites[0] + 1:
        sites = sites[:1]  # two numbers are the first and the last site, so that two spins apart cannot be written
    count = len(sites)
    ends = sites if count > 2 and len(layer.sites) > 2 else (sites[0], sites[-1])
    cut: dict[str, Any] = {}
    for key in ("sd_exchange", "anisotropy", "field", "exchange", "exchange_z"):
        value = getattr(layer, key)
        if isinstance(value, tuple):
            left = value[: count - 1 if key in ("exchange", "exchange_z") else count]
            cut[key] = left or value[0]  # a single spin has no bond, and a list is never empty
    return replace(layer, sites=ends, **cut)


def spins_in_words(device: ChainDevice) -> str:
    """How many spins lie in each layer: "5+5 spins" of a valve, else with the names of the layers."""
    counts = [layer.count for layer in device.layers]
    if isinstance(device, SpinValve):
        return f"{'+'.join(map(str, counts))} spins"
    words = [f"{layer.count} in {layer.name!r}" for layer in device.layers]
    words[0] = f"{counts[0]} spin{'s' if counts[0] > 1 else ''} in {device.layers[0].name!r}"
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
