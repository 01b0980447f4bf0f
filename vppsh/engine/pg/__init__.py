"""The packet generator's model: what a stream sends, told without an engine.

Counterpart of VPP's vnet/pg. A stream's text is read header by header (`headers`, `ip`, `transport`)
into groups of edits (`edit`, `layout`); what never changes becomes a template, what does is written over
it for a whole vector at a time (`generator`, `writes`), and lengths and checksums are computed last
(`computed`). Streams that replay a capture take their packets from `replay` instead.
"""
