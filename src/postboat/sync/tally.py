"""Counts what a plan holds, for progress and for people."""

from __future__ import annotations

from postboat.events import Counts
from postboat.model import Side
from postboat.operations import Adopt, Copy, Delete, Move, Operation, Plan, Reflag


def counts_of(plan: Plan) -> Counts:
    """How many messages the plan concerns, and how many octets of known size it moves."""
    down = [copy for copy in plan.copies if copy.to is Side.LOCAL]
    up = [copy for copy in plan.copies if copy.to is Side.REMOTE]
    return Counts(
        down=len(down),
        up=len(up),
        reflagged=sum(1 for reflag in plan.reflags),
        deleted_remote=sum(1 for delete in plan.deletes if delete.on is Side.REMOTE),
        deleted_local=sum(1 for delete in plan.deletes if delete.on is Side.LOCAL),
        adopted=sum(1 for adopt in plan.adopts if adopt.replaces is None),
        bytes_down=sum(copy.size or 0 for copy in down),
        bytes_up=sum(copy.size or 0 for copy in up),
    )


def describe(operation: Operation | Move) -> dict[str, object] | None:
    """An operation as plain values for a dry run's listing; None for one that only concerns the ledger."""
    match operation:
        case Copy():
            fact = {"do": "copy", "to": operation.to.value, "message": operation.key}
            return fact | {"flags": sorted(operation.flags), "size": operation.size}
        case Reflag():
            fact = {"do": "reflag", "remote": operation.pairing.remote, "local": operation.pairing.local}
            for side in Side:
                if work := operation.on(side):
                    fact[f"add_{side.value}"] = sorted(work.add)  # type: ignore[assignment]
                    fact[f"remove_{side.value}"] = sorted(work.remove)  # type: ignore[assignment]
            return dict(fact)
        case Delete():
            return {"do": "delete", "on": operation.on.value, "message": operation.pairing.key(operation.on)}
        case Move():
            return {"do": "move", "on": operation.on.value, "message": operation.pairing.key(operation.on)}
        case Adopt(replaces=None):
            return {"do": "adopt", "remote": operation.pairing.remote, "local": operation.pairing.local}
        case _:
            return None
