"""Parameters of B.4 and the rules they keep. Driver side."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from .._app import Params
from .._circuits import FAMILIES
from .program import Noise

FamilyName = Literal["efficient_su2", "qaoa_ring", "ghz", "random", "strongly_entangling"]
Technique = Literal["none", "readout", "zne", "pec", "ddd", "readout+zne", "readout+pec"]
WIDEST: Final = 10
"""Qubits of the simulator, whose states have 4ⁿ numbers; also of what is read on devices."""
_ZNE: Final = {"folding": "global", "extrapolation": "richardson", "scale_factors": "1,3,5", "foldings": 1}
_PEC: Final = {"samples": 1000}
_DDD: Final = {"sequence": "xx"}
_OF_TECHNIQUES: Final[dict[str, dict[str, Any]]] = {"zne": _ZNE, "pec": _PEC, "ddd": _DDD}
_GAINS: Final = {"zne": 10.0, "readout+zne": 10.0, "ddd": 2.0}
_MOST_SCALES: Final = 8
_SIMULATED: Final = ("error_1q", "error_2q", "read_1_for_0", "read_0_for_1", "detuning", "idle")
_PARTS: Final = ("zne", "pec", "ddd")


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


def _probability(description: str, default: float) -> Any:
    return Field(default, ge=0, lt=0.5, allow_inf_nan=False, description=description, json_schema_extra=_unit("1"))


class ErrorMitigation(Params):
    """Which circuit on which noisy device, which technique, and how much may be spent on it."""

    technique: Technique = Field(
        "zne",
        description="zne = zero-noise extrapolation, pec = probabilistic error cancellation, readout = inverse "
        "confusion matrix, ddd = digital dynamical decoupling",
    )
    family: FamilyName = Field("efficient_su2", description="circuit family")
    n_qubits: int = Field(4, ge=2, le=WIDEST, description="width of the circuit", json_schema_extra=_unit("qubits"))
    layers: int = Field(2, ge=0, le=1000, description="of the family; ghz has none", json_schema_extra=_unit("layers"))
    angle: float | None = Field(
        0.4,
        allow_inf_nan=False,
        description="all angles; none: drawn from the seed",
        json_schema_extra=_unit("rad"),
    )
    idle: int = Field(
        0,
        ge=0,
        le=1000,
        description="moments in which all qubits wait between the circuit and its inverse; 0 = the circuit alone",
        json_schema_extra=_unit("moments"),
    )
    observable: str = Field(
        "z_last", description="z_last, parity (Z on every qubit), or a string of I and Z, last letter = qubit 0"
    )

    error_1q: float = _probability("probability of a Pauli error after a gate of one qubit", 0.0005)
    error_2q: float = _probability("the same of two qubits; Qiskit's parameter is 16/15 of it", 0.005)
    read_1_for_0: float = _probability("probability that a 0 is read as 1", 0.0)
    read_0_for_1: float = _probability("probability that a 1 is read as 0", 0.0)
    detuning: float = Field(
        0.0,
        ge=0,
        le=1,
        description="spread between shots of the angle by which all qubits turn about Z in each moment",
        json_schema_extra=_unit("rad"),
    )

    folding: Literal["global", "local"] | None = Field(
        None, description="zne: the whole circuit, or gates chosen at random (global if not given)"
    )
    extrapolation: Literal["linear", "richardson", "exponential"] | None = Field(
        None, description="zne: the curve through the values (richardson if not given)"
    )
    scale_factors: str | None = Field(None, description="zne: of the noise, rising from 1 ('1,3,5' if not given)")
    foldings: int | None = Field(
        None, ge=1, le=1000, description="zne: random foldings at each scale factor (1 if not given)"
    )
    samples: int | None = Field(
        None, ge=2, le=1_000_000, description="pec: circuits that are drawn (1000 if not given)"
    )
    sequence: Literal["xx", "yy", "xyxy"] | None = Field(None, description="ddd: pulses in idle windows (xx)")

    shots: int = Field(
        0, ge=0, le=10**9, description="budget of all variants together; 0 = exact values", json_schema_extra=_unit("1")
    )
    budget_s: float | None = Field(
        None,
        gt=0,
        le=86400,
        description="budget in time instead: rounds of `shots` go on until the next would exceed it",
        json_schema_extra=_unit("s"),
    )
    target_error: float | None = Field(
        None, gt=0, description="standard error at which to stop before the budget is used up"
    )
    split: Literal["even", "optimal"] = Field(
        "even", description="of shots over variants: the same for each, or by what each adds to the variance"
    )
    rounds: int = Field(1, ge=1, le=100, description="in how many portions the shots are spent")
    device: Literal["simulator", "pilot"] = Field(
        "simulator", description="what runs the variants: the noise model in the workers, or the pilots' devices"
    )
    devices: str = Field(
        "", description="names of the pilots' devices, separated by commas, each with variants of its own; empty = one"
    )
    variants_per_task: int | Literal["auto"] = Field("auto", description="variants a task carries: 1 or more, or auto")
    seed: int = Field(0, ge=0, lt=2**63, description="of angles, foldings, samples and shots")
    least_gain: float | None = Field(
        None,
        ge=1,
        description="the check asks for an error so many times smaller (zne 10, ddd 2, else 1)",
    )
    false_alarm_rate: float = Field(
        1e-6, gt=0, le=0.1, description="probability that the check of shots fails although all is well"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Write down what is implied, so that equal work has equal parameters."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        parts = str(data.get("technique", "zne")).split("+")
        for part, defaults in _OF_TECHNIQUES.items():
            if part in parts:
                filled |= {name: value for name, value in defaults.items() if data.get(name) is None}
        family = FAMILIES.get(str(data.get("family", "efficient_su2")))
        if family is not None and not family.layers:
            filled.setdefault("layers", 0)
        if family is not None and not family.angles:
            filled.setdefault("angle", None)
        simulated = data.get("device", "simulator") == "simulator"
        for name in () if simulated else _SIMULATED:
            filled.setdefault(name, 0)
        if data.get("least_gain") is None:
            filled["least_gain"] = _GAINS.get(str(data.get("technique", "zne")), 1.0) if simulated else 1.0
        return filled

    @model_validator(mode="after")
    def _circuit_rules(self) -> ErrorMitigation:
        family = FAMILIES[self.family]
        if bool(family.layers) != bool(self.layers):
            rule = "needs 1 or more" if family.layers else "has none: give 0"
            raise ValueError(f"layers = {self.layers}: {self.family} {rule}")
        if self.angle is not None and not family.angles:
            raise ValueError(f"angle = {self.angle}: {self.family} has no angles")
        if self.observable not in ("z_last", "parity"):
            letters = set(self.observable)
            if len(self.observable) != self.n_qubits or letters - set("IZ") or "Z" not in letters:
                raise ValueError(
                    f"observable = {self.observable!r}: must be z_last, parity, or {self.n_qubits} letters I and Z "
                    "with a Z among them"
                )
        return self

    @model_validator(mode="after")
    def _technique_rules(self) -> ErrorMitigation:
        for part, names in _OF_TECHNIQUES.items():
            for name in names:
                if getattr(self, name) is not None and not self.uses(part):
                    raise ValueError(f"{name} = {getattr(self, name)!r}: belongs to {part}, not to {self.technique!r}")
        scales = self.scales()
        if self.uses("zne") and not (2 <= len(scales) <= _MOST_SCALES and scales[0] == 1 and _rising(scales)):
            raise ValueError(
                f"scale_factors = {self.scale_factors!r}: must be 2 to {_MOST_SCALES} rising numbers, the first 1"
            )
        if self.foldings != 1 and self.folding == "global":
            raise ValueError(f"foldings = {self.foldings}: global folding has no random choice, so one is enough")
        return self

    @model_validator(mode="after")
    def _noise_rules(self) -> ErrorMitigation:
        if self.device == "pilot":
            return self._device_rules()
        if self.devices:
            raise ValueError(f"devices = {self.devices!r}: belong to device = 'pilot'")
        reading = self.read_1_for_0 + self.read_0_for_1
        if reading and any(self.uses(part) for part in _PARTS) and not self.uses("readout"):
            raise ValueError(
                f"read_1_for_0 + read_0_for_1 = {reading}: {self.technique} leaves errors of the read-out as they are; "
                "give 0, or choose readout+zne or readout+pec"
            )
        if self.uses("pec") and self.detuning:
            raise ValueError(f"detuning = {self.detuning}: pec cancels errors of gates only; give 0")
        if self.idle and (self.uses("zne") or self.uses("pec")):
            raise ValueError(f"idle = {self.idle}: {self.technique} does not see what happens in waiting; give 0")
        if self.uses("ddd") and not self.detuning:
            raise ValueError("detuning = 0: ddd refocuses slow dephasing, and there is none; give 0.05, for example")
        return self

    def _device_rules(self) -> ErrorMitigation:
        if self.uses("pec"):
            raise ValueError("device = 'pilot': pec needs the noise of every gate, which devices do not tell")
        for name in _SIMULATED:
            if getattr(self, name):
                raise ValueError(f"{name} = {getattr(self, name)}: belongs to the simulator; devices have their own")
        if not self.shots:
            raise ValueError("shots = 0: devices have no exact values; give 1 or more")
        return self

    @model_validator(mode="after")
    def _budget_rules(self) -> ErrorMitigation:
        if self.variants_per_task != "auto" and self.variants_per_task < 1:
            raise ValueError(f"variants_per_task = {self.variants_per_task}: must be 1 or more, or auto")
        for name, default in (("budget_s", None), ("target_error", None), ("rounds", 1), ("split", "even")):
            if not self.shots and getattr(self, name) != default:
                raise ValueError(f"{name} = {getattr(self, name)!r}: exact values (shots = 0) take one round")
        if self.budget_s is not None and self.rounds != 1:
            raise ValueError(
                f"rounds = {self.rounds}: with budget_s there are as many as fit; give 1, shots are of each"
            )
        if self.split == "optimal" and self.rounds == 1 and self.budget_s is None:
            raise ValueError("split = 'optimal': needs 2 rounds or more, since the first one tells the variances")
        if self.shots and self.shots < self.least_shots():
            raise ValueError(
                f"shots = {self.shots}: {self.rounds} round(s) of these variants need {self.least_shots()} or more"
            )
        return self

    def least_shots(self) -> int:
        """Return the fewest shots with which every variant gets two in every round."""
        foldings = 1 if self.folding == "global" else self.foldings or 1
        variants = self.samples or len(self.scales()) * foldings or 1
        sites = max(1, len(self.device_names()))
        return 2 * sites * self.rounds * (variants + 2 * self.uses("readout") + self.uses("ddd"))

    def uses(self, part: str) -> bool:
        """Tell whether the technique is this one, or combines it with another."""
        return part in self.technique.split("+")

    def scales(self) -> tuple[float, ...]:
        """Return the scale factors of the noise; empty without extrapolation."""
        try:
            return tuple(float(part) for part in (self.scale_factors or "").split(",") if part.strip())
        except ValueError:
            raise ValueError(f"scale_factors = {self.scale_factors!r}: must be numbers separated by commas") from None

    def device_names(self) -> tuple[str, ...]:
        """Return the names of the devices that were asked for."""
        return tuple(name.strip() for name in self.devices.split(",") if name.strip())

    def noise(self) -> Noise:
        """Return the noise of the simulator."""
        return Noise(self.error_1q, self.error_2q, self.read_1_for_0, self.read_0_for_1, self.detuning)

    def pauli(self) -> str:
        """Return the observable as a string of I and Z, last letter = qubit 0."""
        n = self.n_qubits
        return {"z_last": "Z" + "I" * (n - 1), "parity": "Z" * n}.get(self.observable, self.observable)

    def measured(self) -> tuple[int, ...]:
        """Return the qubits that are read: those with a Z."""
        return tuple(q for q, letter in enumerate(reversed(self.pauli())) if letter == "Z")


def _rising(numbers: tuple[float, ...]) -> bool:
    return all(a < b for a, b in pairwise(numbers))
