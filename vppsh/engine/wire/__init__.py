"""Headers on the wire: one file a header, each with the same sections in the same order.

    docstring   what the header is, its RFC, where VPP formats it
    layout      HEADER, a packed big-endian numpy dtype: view packet bytes through it
    constants   numbers and the names VPP prints for them
    fields      vectorised readers of what is not a plain field (bit fields, checks)
    text        format_*: VPP's text for the header, as traces show it
    LAYERS      which ethertype or IP protocol makes VPP's text go on with this header

The format functions take the captured bytes (VPP's max_header_bytes is their number) and the column
at which their text begins; they show any bytes, however malformed, and never raise. What VPP reads
beyond its capture is stale memory; here it is zeros.
"""
