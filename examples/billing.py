"""A job that moves money: it may run twice, and must not charge twice.

`test_billing.py` crashes it at each of its checkpoints.
"""

import trio

from kiq_trio import current_job, worker


class Bank:
    """Stands for one that is far away, and that knows a charge by its key."""

    def __init__(self) -> None:
        """Begin with no charges."""
        self.charges: dict[str, int] = {}

    async def charge(self, key: str, cents: int) -> None:
        """Charge once for each key, however often we are asked."""
        await trio.sleep(0.2)
        self.charges.setdefault(key, cents)
        await trio.sleep(0.2)


bank = Bank()
receipts: dict[int, str] = {}


@worker(queue="billing")
async def bill(order: int, cents: int) -> None:
    """Charge the customer of an order, and note the receipt.

    A job that runs again has the same jid: the best key there is.
    """
    key = current_job().jid
    await bank.charge(key, cents)
    receipts[order] = key
