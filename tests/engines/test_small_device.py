"""Literal values of one small device, computed by `brute.py` and by a separate dense diagonalisation of its H.

Both agreed to 2e-14 on every number; neither shares code with pysv.
"""

from __future__ import annotations

import numpy as np
import pytest

import pysv

VALUES = {
    "pauli": {
        "entropy_total": 1.776474354, "entropy_polarizer": 0.802412731, "entropy_analyzer": 1.160318692,
        "mutual_information": 0.1862570688, "log_negativity": 0.1044810177,
        "spin_z": [0.7522321465, 0.6867481751, -0.6728111273, -0.6173561665, -0.6972049695],
        "magnon_probability": [0.3997898847, 0.4289311845, 0.1565068983, 0.01421002955, 0.0005613768275, 6.26100541e-07],
        "w_fidelity": 0.1368370122, "qfi_paper": [1.74730838, 2.209058416], "qfi_variance": [0.4368270951, 0.5522646041],
        "qfi": [0.08283044776, 0.1997190614], "electron_spin_z": -0.4516080584, "energy": -0.9571264443,
        "electron_density": [0.07835114301, 0.1140692291, 0.08436673387, 0.1219373743, 0.140328591, 0.1548316202,
                             0.1527755572, 0.08623163222, 0.06710811894],
        "electron_spin_density_z": [-0.02201102649, -0.01169256018, -0.009054660698, -0.02814881706, -0.09559997997,
                                    -0.128324674, -0.08753727163, -0.03236904589, -0.03687002247],
    },
    "half": {
        "entropy_total": 0.5075034495, "entropy_polarizer": 0.1662657147, "entropy_analyzer": 0.3465601117,
        "mutual_information": 0.005322376842, "log_negativity": 0.001056360113,
        "spin_z": [0.9758177108, 0.957993652, -0.9562787698, -0.9488628621, -0.935151275],
        "magnon_probability": [0.8900447111, 0.1069848224, 0.002948391115, 2.204089163e-05, 3.445650843e-08,
                               1.897194765e-13],
        "w_fidelity": 0.03714317275, "qfi_paper": [0.340750014, 0.3577560087],
        "qfi_variance": [0.0851875035, 0.08943900217], "qfi": [0.00571009554, 0.02215573705],
        "electron_spin_z": -0.09351845598, "energy": -0.5971264443,
    },
    "mixed": {
        "entropy_total": 1.17751471, "entropy_polarizer": 0.4341508832, "entropy_analyzer": 0.793745896,
        "mutual_information": 0.05038206902, "log_negativity": 0.01983308815,
        "spin_z": [0.9054092025, 0.8655779451, -0.8458844135, -0.8342772282, -0.8090071936],
        "magnon_probability": [0.6646375952, 0.3017809578, 0.03261016053, 0.0009644162038, 6.870099079e-06,
                               1.488678892e-10],
        "w_fidelity": 0.1005870362, "qfi_paper": [0.9680404688, 1.146732262], "qfi_variance": [0.2420101172, 0.2866830655],
        "qfi": [0.02940907166, 0.08101875396], "electron_spin_z": -0.2818183122, "energy": -0.5971264443,
    },
}  # fmt: skip


@pytest.mark.parametrize("convention", VALUES)
def test_values(convention, monkeypatch):
    monkeypatch.setattr("pysv.experiment.TRUNCATION_ERROR", 0.1)  # the reference packet touches the wall
    device = pysv.SpinValve(
        sites=9, polarizer=(3, 4), analyzer=(6, 8), hopping=1.1, sd_exchange=0.45, exchange=0.13, exchange_z=0.16,
        convention=convention,
    )  # fmt: skip
    source = pysv.WavePacket(center=2, momentum=1.3, momentum_spread=0.9)
    experiment = pysv.Experiment(device=device, source=source, times=pysv.times(stop=4, step=4))
    data = pysv.solve(experiment, progress=False).isel(time=-1)
    for name, expected in VALUES[convention].items():
        np.testing.assert_allclose(data[name].values, expected, rtol=2e-9, atol=2e-14, err_msg=name)
    assert float(data.spin_z_total) == pytest.approx(-1, abs=1e-12)
