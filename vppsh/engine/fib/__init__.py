"""The FIB: who forwards what where. `Fib` in fib.py is the way in."""
