"""Values of VPP's answers, one command a file. A line that no reader understands is kept as it is, never guessed at."""
