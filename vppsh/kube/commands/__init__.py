"""The sub-commands of `vppsh kube`, a module each: `HELP`, `add_arguments(parser)`, `main(options, cluster)`."""
