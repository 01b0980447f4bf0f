"""What classifier tables decide about packets: access lists, next nodes, rewrites (vnet/classify, vnet/l2/l2_in_out_acl.c ...)."""
