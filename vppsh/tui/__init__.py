"""The live monitor: what the dataplane does now, what is dropped, since when, and on which node.

Bottom up: `readers` make values of VPP's answers, `sampling` asks for them, `store` keeps rates and histories,
`reports` say what a screen shows; none of these knows textual. `app`, `screens` and `widgets` put it on a terminal.
"""
