"""Claims about the distributed state vector (Figure 7), compression (Figure 8) and the classifier (Figure 9)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from harness.labels import quantity

from .base import UNTESTABLE, Claim, Evidence, Finding, no_records, nodes, sources, verdict, workers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.report.summary import CaseSummary

_TWO_ORDERS: Final = 10**1.5
_FLAT: Final = 1.5
_MODES: Final = ("sequential", "vmap", "jit", "vmap_jit")
_NODES: Final = 32


# ---------------------------------------------------------------- Figure 7


def _evaluation_s(case: CaseSummary) -> float:
    return case.metrics["execute_s"].median


def _gradient(evidence: Evidence) -> Finding:
    cases = [case for case in evidence.of("fig7", "distributed_state_vector") if "execute_s" in case.metrics]
    by_what: dict[tuple[int, int], dict[str, CaseSummary]] = defaultdict(dict)
    for case in cases:
        by_what[int(case.params["n_qubits"]), int(case.params["ranks"])][case.params["mode"]] = case
    pairs = {what: modes for what, modes in by_what.items() if {"expval", "vjp"} <= modes.keys()}
    if not pairs:
        return no_records("fig7")
    ratios = {
        what: _evaluation_s(modes["vjp"]) / _evaluation_s(modes["expval"]) for what, modes in sorted(pairs.items())
    }
    widest = max(ratios)
    measured = (
        f"{min(ratios.values()):.1f} to {max(ratios.values()):.1f} x; {ratios[widest]:.1f} x at {widest[0]} qubits"
    )
    used = [modes[mode] for modes in pairs.values() for mode in ("expval", "vjp")]
    return Finding(verdict(min(ratios.values()) > 1), measured, "equal width and ranks", sources(used))


def _reach(evidence: Evidence) -> Finding:
    cases = evidence.of("fig7", "distributed_state_vector")
    if not cases:
        return no_records("fig7")
    widest = {
        mode: max((int(case.params["n_qubits"]) for case in cases if case.params["mode"] == mode), default=0)
        for mode in ("expval", "vjp")
    }
    measured = f"here {widest['vjp']} qubits with, {widest['expval']} without"
    return Finding(
        UNTESTABLE, measured, "a state of 39 qubits has 4 TiB in single precision: qhpc paper fig7 --scale paper"
    )


# ---------------------------------------------------------------- Figure 8


def _images(evidence: Evidence) -> list[CaseSummary]:
    return [case for case in evidence.of("fig8", "qml_compression") if "throughput" in case.metrics]


def _scaling(cases: Sequence[CaseSummary], count: Mapping[int, int]) -> dict[int, float]:
    """Return the efficiency by nodes or workers, of the series with the most of them."""
    groups: dict[str, list[CaseSummary]] = defaultdict(list)
    for case in cases:
        groups[str(case.params.get("refinement"))].append(case)
    best = max(groups.values(), key=lambda group: len({count[id(case)] for case in group}))
    rates = {count[id(case)]: case.metrics["throughput"].median for case in best}
    few = min(rates)
    return {many: rates[many] / rates[few] * few / many for many in sorted(rates)}


def _efficiency(evidence: Evidence) -> Finding:
    cases = _images(evidence)
    if not cases:
        return no_records("fig8")
    by_nodes = {id(case): nodes(case) for case in cases}
    if max(by_nodes.values()) == 1:
        shares = _scaling(cases, {id(case): workers(case) for case in cases})
        measured = ", ".join(f"{share:.2f} on {many} cores" for many, share in shares.items() if many > min(shares))
        why = "one node here; on cores of one node the shared caches and clocks decide: qhpc paper fig8 --scale paper"
        return Finding(UNTESTABLE, f"efficiency {measured}" if measured else "", why, sources(cases))
    shares = _scaling(cases, by_nodes)
    measured = ", ".join(f"{share:.2f} on {many} nodes" for many, share in shares.items())
    return Finding(verdict(shares[max(shares)] < 1), measured, "images a second", sources(cases))


def _fifteen(evidence: Evidence) -> Finding:
    cases = _images(evidence)
    if not cases:
        return no_records("fig8")
    by_nodes = {id(case): nodes(case) for case in cases}
    if max(by_nodes.values()) < _NODES:
        why = f"needs {_NODES} nodes: qhpc paper fig8 --scale paper on a cluster"
        return Finding(UNTESTABLE, f"at most {max(by_nodes.values())} node(s) here", why)
    shares = _scaling(cases, by_nodes)
    speedup = shares[_NODES] * _NODES / min(shares)
    return Finding(verdict(speedup >= 15), f"{speedup:.1f} x", "images a second", sources(cases))


# ---------------------------------------------------------------- Figure 9


def _steps(evidence: Evidence) -> dict[str, dict[int, CaseSummary]]:
    """Return the timed steps in double precision by mode and batch."""
    found: dict[str, dict[int, CaseSummary]] = defaultdict(dict)
    for case in evidence.of("fig9", "qml_classifier"):
        if case.params["task"] == "step" and case.params["precision"] == "double" and "step_s" in case.metrics:
            found[case.params["mode"]][int(case.params["batch_size"])] = case
    return found


def _step_s(case: CaseSummary) -> float:
    return case.metrics["step_s"].median


def _jit(evidence: Evidence) -> Finding:
    modes = _steps(evidence)
    slow, fast = modes.get("sequential", {}), modes.get("jit", {})
    shared = slow.keys() & fast.keys()
    if not shared:
        return no_records("fig9")
    ratios = {batch: _step_s(slow[batch]) / _step_s(fast[batch]) for batch in shared}
    largest = max(shared)
    measured = f"{min(ratios.values()):.0f} to {max(ratios.values()):.0f} x; {ratios[largest]:.0f} x at batch {largest}"
    used = [side[batch] for batch in sorted(shared) for side in (slow, fast)]
    return Finding(verdict(ratios[largest] >= _TWO_ORDERS), measured, "at the largest batch of both", sources(used))


def _flat(mode: str, evidence: Evidence) -> Finding:
    times = _steps(evidence).get(mode, {})
    if len(times) < 2:
        return no_records("fig9")
    few, many = min(times), max(times)
    ratio = _step_s(times[many]) / _step_s(times[few])
    measured = f"x {ratio:.1f} from batch {few} to {many} ({many / few:.0f} x the images)"
    return Finding(
        verdict(ratio <= _FLAT), measured, "one core here, an A100 there", sources([times[few], times[many]])
    )


def _vmap(evidence: Evidence) -> Finding:
    return _flat("vmap", evidence)


def _vmap_jit(evidence: Evidence) -> Finding:
    return _flat("vmap_jit", evidence)


def _best(evidence: Evidence) -> Finding:
    modes = _steps(evidence)
    batches = {batch for mode in _MODES for batch in modes.get(mode, {})}
    compared = sorted(batch for batch in batches if all(batch in modes.get(mode, {}) for mode in _MODES))
    if not compared:
        return no_records("fig9")
    fastest = {batch: min((_step_s(modes[mode][batch]), mode) for mode in _MODES)[1] for batch in compared}
    groups = {mode: [batch for batch in compared if fastest[batch] == mode] for mode in dict.fromkeys(fastest.values())}
    texts = [f"{mode} at batch {', '.join(map(str, some))}" for mode, some in groups.items()]
    times = " against ".join(f"{mode} {quantity(_step_s(modes[mode][compared[-1]]), 's')}" for mode in _MODES)
    texts.append(f"at batch {compared[-1]}: {times}")
    used = [modes[mode][batch] for batch in compared for mode in _MODES]
    why = "fastest of the four published modes at every batch that all of them ran"
    return Finding(verdict(set(fastest.values()) == {"vmap_jit"}), "; ".join(texts), why, sources(used))


CLAIMS: Final = (
    Claim(
        "fig7-gradient",
        "section 7.2.2, Figure 7",
        "A gradient costs more than the values alone.",
        "values of 39 qubits take 145 s, gradients of 34 qubits 1332 s (earlier weak scaling)",
        "more time at every width and number of ranks that ran both",
        _gradient,
    ),
    Claim(
        "fig7-reach",
        "section 7.2.2",
        "With gradients 34 qubits are the limit, without them 39.",
        "256 GPUs of 40 and 80 GB",
        "measured on as many GPUs",
        _reach,
    ),
    Claim(
        "fig8-efficiency",
        "section 7.3, Figure 8",
        "Efficiency falls as the number of nodes grows.",
        "0.48 on 32 nodes",
        "below 1 on the most nodes",
        _efficiency,
    ),
    Claim(
        "fig8-speedup",
        "section 7.3, Figure 8",
        "32 nodes are up to 15 x faster than one.",
        "24,703 s on one node, 1,607 s on 32",
        "at least 15 x on 32 nodes",
        _fifteen,
    ),
    Claim(
        "fig9-jit",
        "section 7.3, Figure 9",
        "JIT compilation is about two orders of magnitude faster.",
        "126 x at batch 64",
        "at least 32 x (10 to the power 1.5) at the largest batch",
        _jit,
    ),
    Claim(
        "fig9-vmap",
        "section 7.3, Figure 9",
        "With vmap the time does not depend on the batch.",
        "x 1.0 from batch 2 to 64",
        f"at most x {_FLAT} from the smallest to the largest batch",
        _vmap,
    ),
    Claim(
        "fig9-vmap-jit",
        "section 7.3, Figure 9",
        "With vmap and JIT the time does not depend on the batch either.",
        "x 1.1 from batch 2 to 64",
        f"at most x {_FLAT} from the smallest to the largest batch",
        _vmap_jit,
    ),
    Claim(
        "fig9-best",
        "section 7.3, Figure 9",
        "vmap and JIT together are the fastest.",
        "5 ms at every batch",
        "the fastest published mode at every batch",
        _best,
    ),
)
