"""The vocabulary in which a command declares its arguments.

    @command("trace add", sequence(node_name("node"), unsigned("count")).or_error("expected NODE COUNT, got `%U'"))
    def trace_add(ctx, args): ...  # args.node, args.count

One declaration reads the line, completes it, writes its syntax and colours it. The words:

    keyword flag choice on_off level            literals
    signed unsigned hexadecimal floating        numbers
    string file_name rest_of_line hex_string pattern   text
    ip4 ip6 ip_address ip4_prefix ip6_prefix ip_prefix mac
    interface node_name live                    names of things that exist now
    read_with                                   a reading function of one's own
    sequence optional one_of options keyed      in order; may be missing; alternatives; any order
    block line_input raw                        braces; takes the whole line; reads it itself

`argument.or_error(text)` makes an argument required, with VPP's text (`%U` is the quoted rest).
"""

from __future__ import annotations

from vppsh.grammar.addresses import IpAddress, IpPrefix
from vppsh.grammar.base import Args, Argument, Candidate, Context, Follow, Resolver, Value
from vppsh.grammar.combine import UNKNOWN_INPUT, block, keyed, line_input, one_of, optional, options, raw, sequence
from vppsh.grammar.reader import Reader
from vppsh.grammar.values import (
    choice,
    file_name,
    flag,
    floating,
    hex_string,
    hexadecimal,
    interface,
    ip4,
    ip4_prefix,
    ip6,
    ip6_prefix,
    ip_address,
    ip_prefix,
    keyword,
    level,
    live,
    mac,
    node_name,
    on_off,
    pattern,
    read_with,
    rest_of_line,
    signed,
    string,
    unsigned,
)

__all__ = [
    "UNKNOWN_INPUT",
    "Args",
    "Argument",
    "Candidate",
    "Context",
    "Follow",
    "IpAddress",
    "IpPrefix",
    "Reader",
    "Resolver",
    "Value",
    "block",
    "choice",
    "file_name",
    "flag",
    "floating",
    "hex_string",
    "hexadecimal",
    "interface",
    "ip4",
    "ip4_prefix",
    "ip6",
    "ip6_prefix",
    "ip_address",
    "ip_prefix",
    "keyed",
    "keyword",
    "level",
    "line_input",
    "live",
    "mac",
    "node_name",
    "on_off",
    "one_of",
    "optional",
    "options",
    "pattern",
    "raw",
    "read_with",
    "rest_of_line",
    "sequence",
    "signed",
    "string",
    "unsigned",
]
