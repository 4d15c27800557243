"""How long until the job of a killed worker runs again, here and with other systems.

`python -m bench.peers.kill` runs it, with the drivers and the environments of
`bench.peers`. `scene` kills, `page` makes the table.
"""
