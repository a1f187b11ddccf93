#!/usr/bin/env python3
"""/cost of an output reckoned again from its converted network, as NeuroBench does: each layer applied to ones instead
of its inputs and with ones instead of its weights.

    cost.py OUT.h5 NETWORK.h5
"""
import sys

import h5py
import numpy as np


def windowed(image, window, reduce):
    """Sum over taps of reduce(tap, part of the image under it); the image is [height][width][channels]."""
    kernel, stride, dilation, begin, end = window.reshape(5, 2)
    image = np.pad(image, [(begin[0], end[0]), (begin[1], end[1]), (0, 0)])
    size = [(image.shape[a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in (0, 1)]
    total = 0
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y, x = i * dilation[0], j * dilation[1]
            part = image[y : y + stride[0] * size[0] : stride[0], x : x + stride[1] * size[1] : stride[1]]
            total = total + reduce((i, j), part[: size[0], : size[1]])
    return total


def applied(group, values, weights):
    """The sum of all outputs for an input of values[channel] at each position."""
    height, width = group.attrs["source_shape"][:2]
    first, channels = group.attrs["source_channel"], group.attrs["source_channels"]
    image = np.tile(values[first : first + channels], (height, width, 1))
    pool = 0.0
    if group.attrs["pooled"]:
        image = windowed(image, group.attrs["pool"], lambda tap, part: part)
        pool = image.sum()
        if group.attrs["pool"][:2].prod() > 1:
            image = np.ones_like(image)  # sums, of which none is taken to be 0
    kind, targets = group.attrs["kind"], weights.shape[0]
    if kind == "convolution":
        groups = group.attrs["groups"]
        kernel = weights.reshape(targets, *group.attrs["window"][:2], channels // groups)
        whole = np.zeros((targets, *kernel.shape[1:3], channels))
        for row in range(targets):
            c = row * groups // targets * (channels // groups)
            whole[row, :, :, c : c + channels // groups] = kernel[row]
        out = windowed(image, group.attrs["window"], lambda tap, part: part @ whole[:, tap[0], tap[1]].T).sum()
    elif kind == "dense":
        out = (weights @ image.reshape(-1)).sum()
    else:
        assert kind == "diagonal", kind
        out = (image * weights[:, 0]).sum()
    return pool, out


def reckon(out, net):
    steps = int(out["dynamics/interval"][()])
    signs = out["dynamics"].attrs["neurons"] == "signgd"  # else spikes are 0/1 as they are
    images = int(out["accuracy/total"][()])
    kinds = {int(name): group.attrs["kind"] for name, group in net["populations"].items()}
    layers = {int(name.split("_")[0]): group for name, group in out["layers"].items()}
    neurons = sum(int(layer.attrs["neurons"]) for layer in layers.values())
    rare = {}  # events of each neuron of a channel in an image
    for index, layer in layers.items():
        positions = layer.attrs["shape"][0] * layer.attrs["shape"][1]
        ones = layer["channel_spikes"][:] / positions / images
        rare[index] = ones if not signs or ones.mean() <= steps / 2 else steps - ones
    sent = sum((rare[i].mean() / steps) * layers[i].attrs["neurons"] for i in layers) / neurons
    sums = {case: dict.fromkeys(("mac", "ac", "dense", "add", "pool", "image", "product"), 0.0) for case in (("signed", "events") if signs else ("events",))}
    trained = effective = 0.0
    zeros = weights_in_all = 0
    for group in net["projections"].values():
        weights, source = group["weights"][:], int(group.attrs["source"])
        zeros, weights_in_all = zeros + (weights == 0).sum(), weights_in_all + weights.size
        channels = group.attrs["source_shape"][2]
        pool, all_uses = applied(group, np.ones(channels), np.ones_like(weights))
        uses = applied(group, np.ones(channels), 1.0 * (weights != 0))[1]
        if group.attrs["kind"] != "diagonal":
            trained, effective = trained + pool + all_uses, effective + pool + uses
        graded = source < 0 or kinds[source] == "stream"
        times = 1 if source < 0 else steps
        area = np.prod(group.attrs["pool"][:2]) if group.attrs["pooled"] else 1
        for case, s in sums.items():
            s["dense"] += (pool + all_uses) * times
            if graded:
                s["mac"] += (pool + uses) * times
                s["image" if source < 0 else "product"] += (pool + all_uses) * times
                continue
            values = np.full(channels, float(steps)) if case == "signed" else rare[source]
            pooled = applied(group, values, np.ones_like(weights))[0]
            s["pool"] += pooled
            s["ac"] += pooled
            if area > 1:
                s["mac"] += uses * steps
                s["product"] += all_uses * steps
            else:
                s["ac"] += applied(group, values, 1.0 * (weights != 0))[1]
                s["add"] += applied(group, values, np.ones_like(weights))[1]
    expected = {"neurons": neurons}
    for case, s in sums.items():
        updates = neurons * steps
        folded = updates if case == "events" and signs else 0
        expected |= {
            f"{case}/ConnectionSparsity": zeros / weights_in_all,
            f"{case}/ActivationSparsity": 0.0 if case == "signed" else 1 - sent,
            f"{case}/MembraneUpdates": updates,
            f"{case}/SynapticOperations/Effective_MACs": s["mac"],
            f"{case}/SynapticOperations/Effective_ACs": s["ac"],
            f"{case}/SynapticOperations/Dense": s["dense"],
        }
        products, adds = s["image"] + s["product"], s["add"] + s["pool"]
        small = (64 * adds + 32 * products + 128 * updates) * 10 / 64
        expected |= {
            f"{case}/energy/float/compute": 1e-12 * (0.9 * (adds + folded) + 4.6 * products + 9.2 * updates),
            f"{case}/energy/float/memory": 1e-12 * (small + 32 * (s["add"] + products) * 100 / 64),
            f"{case}/energy/integer/compute": 1e-12
            * (0.1 * (adds + folded) + 4.6 * s["image"] + (0.003 * 32 * 16 + 0.1) * s["product"] + 9.2 * updates),
            f"{case}/energy/integer/memory": 1e-12 * (small + 16 * (s["add"] + products) * 100 / 64),
        }
    expected |= {
        "trained/SynapticOperations/Dense": trained,
        "trained/energy/float/compute": 4.6e-12 * trained,
        "trained/energy/float/memory": 1e-12 * trained * (32 * 100 / 64 + 32 * 10 / 64),
    }
    if "steps" not in out["dynamics"].attrs:
        return expected
    return expected | {
        "quantised/SynapticOperations/Effective_MACs": effective,
        "quantised/energy/integer/compute": 1e-12 * trained * (0.003 * 16 * steps + 0.1),
        "quantised/energy/integer/memory": 1e-12 * trained * (16 * 100 / 64 + steps * 10 / 64),
    }


def main():
    with h5py.File(sys.argv[1]) as out, h5py.File(sys.argv[2]) as net:
        cost, expected = out["cost"], reckon(out, net)
        for name, value in expected.items():
            assert np.isclose(cost[name][()], value, rtol=1e-9, atol=0), (name, cost[name][()], value)
        for name in ("latency", "interval", "spikes_per_neuron"):
            assert cost[name][()] == out["dynamics"][name][()]
        images = int(out["accuracy/total"][()])
        spikes = "signed" if "signed" in cost else "events"
        assert np.isclose(out["energy/estimate"][()], images * cost[f"{spikes}/energy/integer/compute"][()])
        assert ("signed" in cost) == (out["dynamics"].attrs["neurons"] == "signgd")
        assert ("quantised" in cost) == ("steps" in out["dynamics"].attrs)
        floats = 4 * sum(group[name].size for group in net["populations"].values() for name in group)
        weights = sum(
            group["weights"].size * (4 if group.attrs["kind"] == "diagonal" else 2) for group in net["projections"].values()
        )
        assert cost["events/Footprint"][()] == floats + weights, (cost["events/Footprint"][()], floats, weights)
    print(f"{len(expected)} numbers as reckoned")


main()
