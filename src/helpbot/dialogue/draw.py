"""Draw the state machine from its own table, for ARCHITECTURE.md: `python -m helpbot.dialogue.draw`."""

from __future__ import annotations

from collections import defaultdict

from helpbot.dialogue.conversation import Phase
from helpbot.dialogue.machine import TRANSITIONS

__all__ = ["drawn"]

# Time passes everywhere and asking is possible everywhere: drawn at every phase they would hide the rest.
_TOO_COMMON = 6


def drawn() -> str:
    """A Mermaid state diagram: one arrow for each pair of phases, labelled with the acts and events that lead there."""
    arrows: dict[tuple[Phase, Phase], list[str]] = defaultdict(list)
    for (phase, what), rule in TRANSITIONS.items():
        for target in rule.leads_to:
            if target is not phase:
                arrows[phase, target].append(what.__name__)
    order = list(Phase)
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.LISTENING.value}"]
    for phase, target in sorted(arrows, key=lambda pair: (order.index(pair[0]), order.index(pair[1]))):
        names = sorted(arrows[phase, target])
        label = ", ".join(names) if len(names) <= _TOO_COMMON else ", ".join(names[:_TOO_COMMON]) + ", …"
        lines.append(f"    {phase.value} --> {target.value}: {label}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(drawn())
