"""Packet filter expressions (`udp port 53 and host 10.0.0.1`) and the BPF programs made from them.

The language is that of libpcap as far as Ethernet and raw IP go, and so are the programs, instruction
for instruction: VPP lists them (`show bpf trace filter`).

    parse.py         text -> expression values
    generate.py      expression -> blocks of instructions, a test at the end of each
    optimize.py      blocks -> fewer blocks
    program.py       blocks -> a program: assemble, run, list
"""
