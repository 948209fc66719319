"""Energy management: how the power of a site is shared between those who charge there.

Pure, from below: `wires` and `steps` (values), `claims`, `allocation` (who gets what at one instant),
`planning` (the next hours), `ledger` (what each connector may draw in the worst case), `turns`, `appetite`,
and `site`, which puts them together: what is seen goes in, orders come out. With effects: `feeds` (files,
endpoints), `steering` (a site at its charge points), `sites` (all of them).
"""
