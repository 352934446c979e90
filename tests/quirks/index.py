"""Which of the 118 known oddities of servers concern syncing.

The numbers are those of the list that the tests are named after: `test_quirk_NN_<what we do>`. A number is in exactly
one place: such tests in this directory, or the table below.
"""

FIRST, LAST = 1, 118

OUTSIDE_SYNCING = {
    17: "quotas are never asked for, so their numbers are never read",
}
"""Oddities of what Postboat never says or hears while it syncs, and why."""
